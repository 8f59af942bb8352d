#include "data/bad_lines.h"

#include "core/log.h"

namespace longbow::data {

void BadLines::refuse(const std::string& message, const std::string& hint) {
  if (!skip_) throw UserError(about_ + message, hint.empty() ? hint_ : hint);
  if (num_skipped_++ == 0) log_warning(about_ + message + " (skipped; later ones are only counted)");
}

}  // namespace longbow::data
