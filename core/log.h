// Logging for people: lines on standard error, prefixed by the role ("learner", "worker 1") once one is set.
#pragma once

#include <string>
#include <string_view>

namespace longbow {

enum class LogLevel { debug, info, warning, error };

/// Lines below `level` are dropped. Default: info.
void set_log_level(LogLevel level);

/// Prefix of every later line of this process, for instance "worker 1"; empty for none.
void set_log_role(std::string role);

/// Writes one line, whole, whatever thread calls it; control characters (line ends too) become spaces.
void log(LogLevel level, std::string_view message);

inline void log_info(std::string_view message) { log(LogLevel::info, message); }
inline void log_warning(std::string_view message) { log(LogLevel::warning, message); }

/// Keeps `line` below the log lines of a terminal until it is replaced; empty removes it. core/progress.h draws with this.
void set_status_line(std::string_view line);

}  // namespace longbow
