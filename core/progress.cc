#include "core/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "core/errors.h"
#include "core/log.h"

namespace longbow {
namespace {

std::string format_rate(double rate) {
  char text[32];
  std::snprintf(text, sizeof(text), rate >= 100 ? "%.0f" : rate >= 1 ? "%.1f" : "%.2g", rate);
  return text;
}

// The bytes of `line` that fit `columns`, whole characters only; a line that wraps cannot be redrawn.
std::string_view fitting(std::string_view line, std::size_t columns) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(line[i]) & 0xC0) != 0x80;
    if (starts_character && ++width > columns) return line.substr(0, i);
  }
  return line;
}

bool can_redraw() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && (kind == nullptr || std::string_view(kind) != "dumb");
}

std::size_t terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79u;
}

}  // namespace

Progress::Progress(std::string what, std::int64_t total, std::string unit, std::int64_t done_before, double interval_seconds)
    : what_(std::move(what)),
      total_(total),
      unit_(std::move(unit)),
      done_before_(done_before),
      done_(done_before),
      terminal_(can_redraw()),
      interval_seconds_(terminal_ ? 0.1 : interval_seconds) {}

Progress::~Progress() {
  if (terminal_) set_status_line("");
}

std::string Progress::line(std::int64_t done, double seconds, std::string_view text) const {
  std::string line = what_ + " " + std::to_string(done);
  if (total_ > 0) line += concat("/", total_, " ", 100 * done / total_, "%");
  const double rate = seconds > 0 ? static_cast<double>(done - done_before_) / seconds : 0;
  if (rate > 0) {
    line += concat("  ", format_rate(rate), " ", unit_, "/s");
    if (total_ > done) line += concat("  ", format_duration(static_cast<double>(total_ - done) / rate), " left");
  }
  if (!text.empty()) line += concat("  ", text);
  return line;
}

void Progress::update(std::int64_t done, std::string_view text) {
  done_ = done;
  if (since_drawn_.seconds() < interval_seconds_) return;
  since_drawn_.restart();
  const std::string shown = line(done, since_start_.seconds(), text);
  if (terminal_) {
    set_status_line(fitting(shown, terminal_columns()));
  } else {
    log_info(shown);
  }
}

void Progress::finish(std::string_view text) {
  if (terminal_) set_status_line("");
  const double seconds = since_start_.seconds();
  std::string last = concat(what_, ": ", done_, " ", unit_, " in ", format_duration(seconds));
  if (seconds > 0 && done_ > done_before_)
    last += concat(" (", format_rate(static_cast<double>(done_ - done_before_) / seconds), " ", unit_, "/s)");
  if (!text.empty()) last += concat("  ", text);
  log_info(last);
}

}  // namespace longbow
