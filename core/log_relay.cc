#include "core/log_relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/errors.h"
#include "core/log.h"

namespace longbow {
namespace {

constexpr std::size_t kLongestLine = std::size_t{64} << 10;  // a child that never ends its line is shown all the same

}  // namespace

LogRelay::LogRelay() {
  int ends[2] = {-1, -1};
  ended_ = ::eventfd(0, EFD_CLOEXEC);
  if (ended_ < 0 || ::pipe2(ends, O_CLOEXEC) != 0) {
    const int error = errno;
    if (ended_ >= 0) ::close(ended_);
    throw UserError(concat("cannot make a pipe: expected a free descriptor, got \"", std::strerror(error), "\""));
  }
  read_ = ends[0];
  write_ = ends[1];
  thread_ = std::thread([this] { run(); });
}

LogRelay::~LogRelay() {
  const std::uint64_t one = 1;
  while (::write(ended_, &one, sizeof one) < 0 && errno == EINTR) {
  }
  thread_.join();
  for (const int descriptor : {read_, write_, ended_}) ::close(descriptor);
}

void LogRelay::run() {
  std::array<char, 4096> bytes;
  bool ended = false;
  while (true) {
    std::array<pollfd, 2> polled{{{read_, POLLIN, 0}, {ended ? -1 : ended_, POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), ended ? 0 : -1) < 0 && errno != EINTR) return;
    ended = ended || polled[1].revents != 0;
    if (polled[0].revents == 0) {
      if (ended) break;
      continue;
    }
    const ssize_t got = ::read(read_, bytes.data(), bytes.size());
    for (const char c : std::string_view(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0)) {
      if (c != '\n') line_ += c;
      if (c != '\n' && line_.size() < kLongestLine) continue;
      log_info(line_);
      line_.clear();
    }
  }
  if (!line_.empty()) log_info(line_);
}

}  // namespace longbow
