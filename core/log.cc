#include "core/log.h"

#include <unistd.h>

#include <cerrno>
#include <mutex>

namespace longbow {
namespace {

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

void write_line(std::string_view kind, std::string_view message) {
  while (!message.empty() && message.back() == '\n') message.remove_suffix(1);
  Terminal& out = terminal();
  const std::lock_guard lock(out.mutex);
  std::string line;
  if (!out.status_line.empty()) line += "\r\x1b[K";
  if (!out.role.empty()) line += out.role + ": ";
  line += kind;
  line += as_one_line(message);
  line += '\n';
  line += out.status_line;
  write_whole(line);
}

}  // namespace

void set_log_role(std::string role) {
  Terminal& out = terminal();
  const std::lock_guard lock(out.mutex);
  out.role = std::move(role);
}

std::string as_one_line(std::string_view text) {
  std::string line;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are control characters too, of two bytes.
    const bool is_c1 = byte == 0xC2 && i + 1 < text.size() && (static_cast<unsigned char>(text[i + 1]) & 0xE0) == 0x80;
    if (is_c1) ++i;
    line += is_c1 || byte < 0x20 || byte == 0x7f ? ' ' : text[i];
  }
  return line;
}

void log_info(std::string_view message) { write_line("", message); }
void log_warning(std::string_view message) { write_line("warning: ", message); }

void set_status_line(std::string_view line) {
  Terminal& out = terminal();
  const std::lock_guard lock(out.mutex);
  if (line.empty() && out.status_line.empty()) return;
  out.status_line = line;
  write_whole("\r" + out.status_line + "\x1b[K");
}

}  // namespace longbow
