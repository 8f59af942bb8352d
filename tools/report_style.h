// What every report carries inside itself: its style sheet (light and dark) and the script of its cross-hair.
#pragma once

#include <string_view>

namespace longbow::tools {

extern const std::string_view kReportStyle;
extern const std::string_view kItemPageStyle;  // on top of it, for pages that show items: data sets and evaluations
extern const std::string_view kReportScript;

}  // namespace longbow::tools
