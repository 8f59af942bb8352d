#include "core/log.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>

namespace longbow {
namespace {

std::atomic<LogLevel> minimum_level{LogLevel::info};

// Never destroyed: a thread may still log while static objects are torn down.
struct Terminal {
  std::mutex mutex;
  std::string role;
  std::string status_line;  // what is drawn below the log lines; empty when nothing is
};
Terminal& terminal() {
  static Terminal& instance = *new Terminal;
  return instance;
}

void write_whole(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // standard error is gone: there is nobody left to tell
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void set_log_level(LogLevel level) { minimum_level = level; }

void set_log_role(std::string role) {
  Terminal& out = terminal();
  const std::lock_guard lock(out.mutex);
  out.role = std::move(role);
}

void log(LogLevel level, std::string_view message) {
  if (level < minimum_level.load(std::memory_order_relaxed)) return;
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  Terminal& out = terminal();
  const std::lock_guard lock(out.mutex);
  std::string line;
  if (!out.status_line.empty()) line += "\r\x1b[K";
  if (!out.role.empty()) line += out.role + ": ";
  if (level == LogLevel::debug) line += "debug: ";
  if (level == LogLevel::warning) line += "warning: ";
  if (level == LogLevel::error) line += "error: ";
  // Text from a peer or a child must not forge further lines, nor steer the terminal: U+0080 to U+009F are control characters too.
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto byte = static_cast<unsigned char>(message[i]);
    const bool is_c1 = byte == 0xC2 && i + 1 < message.size() && (static_cast<unsigned char>(message[i + 1]) & 0xE0) == 0x80;
    if (is_c1) ++i;
    line += is_c1 || byte < 0x20 || byte == 0x7f ? ' ' : message[i];
  }
  line += '\n';
  line += out.status_line;
  write_whole(line);
}

void set_status_line(std::string_view line) {
  Terminal& out = terminal();
  const std::lock_guard lock(out.mutex);
  if (line.empty() && out.status_line.empty()) return;
  out.status_line = line;
  write_whole("\r" + out.status_line + "\x1b[K");
}

}  // namespace longbow
