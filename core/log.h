// Logging for people: lines on standard error, prefixed by the role ("worker-1") once one is set.
#pragma once

#include <string>
#include <string_view>

namespace longbow {

/// Prefix of every later line of this process, for instance "worker-1"; empty for none.
void set_log_role(std::string role);

/// `text` with its control characters, line ends too, as spaces: what a peer, a child or a file says can neither forge further lines nor
/// steer the terminal.
std::string as_one_line(std::string_view text);

/// Writes one line (as_one_line), whole, whatever thread calls it. A warning says that it is one.
void log_info(std::string_view message);
void log_warning(std::string_view message);

/// Keeps `line` below the log lines of a terminal until it is replaced; empty removes it. core/progress.h draws with this.
void set_status_line(std::string_view line);

}  // namespace longbow
