#include "core/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <thread>

#include "core/clock.h"
#include "core/errors.h"

namespace longbow {
namespace {

constexpr std::size_t kErrorTailBytes = std::size_t{64} << 10;

void close_descriptor(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

// Blocks SIGPIPE for this thread, so that writing to a child that has gone is an error to handle and not the end of us.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigemptyset(&pipe_signal_);
    sigaddset(&pipe_signal_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal_, &before_);
  }
  ~WithoutSigpipe() {
    const timespec at_once{};
    while (!sigismember(&before_, SIGPIPE) && sigtimedwait(&pipe_signal_, nullptr, &at_once) > 0) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t pipe_signal_, before_;
};

// The two ends of a pipe, closed on exec and, unless handed over, when this goes.
struct PipeEnds {
  int read = -1, write = -1;
  PipeEnds() = default;
  PipeEnds(const PipeEnds&) = delete;
  PipeEnds& operator=(const PipeEnds&) = delete;
  ~PipeEnds() { close_descriptor(read), close_descriptor(write); }
  void open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw UserError(concat("cannot make a pipe: expected a free descriptor, got \"", std::strerror(errno), "\""));
    read = ends[0];
    write = ends[1];
  }
};

// What the child does between fork and exec: calls that are safe there only, nothing that allocates.
struct ChildPlan {
  char* const* argv;
  char* const* environment;
  const char* folder;
  std::array<int, 3> streams;  // what becomes descriptor 0, 1, 2; -1: inherited
  int report;                  // gets errno when exec fails
  pid_t parent;
};

[[noreturn]] void become(const ChildPlan& plan) {
  const auto give_up = [&] {
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(plan.report, &error, sizeof(error));
    ::_exit(127);
  };
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.parent) ::_exit(127);  // the parent died before the request above
  for (int stream = 0; stream < 3; ++stream) {
    if (plan.streams[stream] >= 0 && ::dup2(plan.streams[stream], stream) < 0) give_up();
  }
#ifdef SYS_close_range
  ::syscall(SYS_close_range, 3u, ~0u, 4u);  // CLOSE_RANGE_CLOEXEC: no library's socket or file leaks into the child
#endif
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGINT, SIGTERM, SIGPIPE, SIGXFSZ}) ::signal(number, SIG_DFL);
  if (*plan.folder && ::chdir(plan.folder) != 0) give_up();
  ::execvpe(plan.argv[0], plan.argv, plan.environment);
  give_up();
  ::_exit(127);
}

std::vector<std::string> merged_environment(const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text(*entry);
    const bool replaced = std::any_of(added.begin(), added.end(), [&](const auto& pair) { return text.starts_with(pair.first + "="); });
    if (!replaced) result.emplace_back(text);
  }
  for (const auto& [name, value] : added) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

}  // namespace

std::string ExitStatus::describe() const {
  return signal ? concat("signal ", signal, " (", strsignal(signal), ")") : concat("exit code ", exit_code);
}

ChildProcess::ChildProcess(std::vector<std::string> argv, ProcessOptions options) : argv_(std::move(argv)), options_(std::move(options)) {
  LONGBOW_CHECK(!argv_.empty());
  using Stream = ProcessOptions::Stream;
  PipeEnds input, output, error, report;
  int null = -1;
  PipeEnds null_holder;
  if (options_.input == Stream::null || options_.output == Stream::null || options_.error == Stream::null) {
    null = null_holder.read = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) throw UserError(concat("cannot start a process: expected to open /dev/null, got \"", std::strerror(errno), "\""));
  }
  if (options_.input == Stream::pipe) input.open();
  if (options_.output == Stream::pipe) output.open();
  if (options_.error == Stream::pipe) error.open();
  report.open();
  const auto chosen = [&](Stream stream, int pipe_end) { return stream == Stream::pipe ? pipe_end : stream == Stream::null ? null : -1; };

  std::vector<std::string> environment = merged_environment(options_.environment);
  const std::vector<char*> argv_pointers = pointers(argv_), environment_pointers = pointers(environment);
  const ChildPlan plan{argv_pointers.data(),
                       environment_pointers.data(),
                       options_.folder.c_str(),
                       {chosen(options_.input, input.read), chosen(options_.output, output.write),
                        options_.error_descriptor >= 0 ? options_.error_descriptor : chosen(options_.error, error.write)},
                       report.write,
                       ::getpid()};
  pid_ = ::fork();
  if (pid_ == 0) become(plan);
  if (pid_ < 0)
    throw UserError(concat("cannot start a process: expected room for one, got \"", std::strerror(errno), "\" (", argv_[0], ")"));
  ::setpgid(pid_, pid_);  // here too, so that the group exists whichever side comes first
  close_descriptor(report.write);
  int exec_error = 0;
  ssize_t got;
  while ((got = ::read(report.read, &exec_error, sizeof(exec_error))) < 0 && errno == EINTR) {
  }
  if (got == sizeof(exec_error)) {
    ::waitpid(pid_, nullptr, 0);
    throw UserError(concat("cannot start a process: expected a program, got \"", std::strerror(exec_error), "\" (", argv_[0],
                           options_.folder.empty() ? "" : " in " + options_.folder, ")"));
  }
  input_ = std::exchange(input.write, -1);
  output_ = std::exchange(output.read, -1);
  error_ = std::exchange(error.read, -1);
  for (const int descriptor : {input_, output_, error_}) {
    if (descriptor >= 0) ::fcntl(descriptor, F_SETFL, O_NONBLOCK);
  }
}

ChildProcess::~ChildProcess() {
  close_input();
  stop(options_.stop_grace_seconds);
  close_descriptor(output_);
  close_descriptor(error_);
}

// One pipe's worth at a time: a child that never stops writing must not keep us here.
bool ChildProcess::read_available(int& descriptor, std::string& buffer) {
  std::array<char, 65536> chunk;
  const ssize_t got = ::read(descriptor, chunk.data(), chunk.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  if (got <= 0) {
    close_descriptor(descriptor);
    return false;
  }
  buffer.append(chunk.data(), static_cast<std::size_t>(got));
  return true;
}

void ChildProcess::read_errors() {
  if (read_available(error_, error_buffer_) && error_buffer_.size() > kErrorTailBytes) {
    error_buffer_.erase(0, error_buffer_.size() - kErrorTailBytes);
  }
}

void ChildProcess::pump(std::string_view* input, double timeout_seconds) {
  std::array<pollfd, 3> polled{{{output_, POLLIN, 0}, {error_, POLLIN, 0}, {input ? input_ : -1, POLLOUT, 0}}};
  const int timeout_ms = static_cast<int>(std::clamp(timeout_seconds * 1000 + 0.999, 0.0, 1e9));
  if (::poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  if (polled[0].revents && read_available(output_, output_buffer_) && output_buffer_.size() - output_begin_ > options_.max_buffered_bytes) {
    throw UserError(
        concat("process writes too much: expected at most ", options_.max_buffered_bytes, " bytes unread, got more (", argv_[0], ")"));
  }
  if (polled[1].revents) read_errors();
  if (!polled[2].revents) return;
  const WithoutSigpipe guard;
  const ssize_t written = ::write(input_, input->data(), input->size());
  if (written >= 0) {
    input->remove_prefix(static_cast<std::size_t>(written));
  } else if (errno != EAGAIN && errno != EINTR) {
    throw UserError(concat("process stopped reading: expected it to take ", input->size(), " more bytes, got \"", std::strerror(errno),
                           "\" (", argv_[0], ")"));
  }
}

void ChildProcess::write(std::string_view bytes, double timeout_seconds) {
  if (input_ < 0) throw UserError(concat("process stopped reading: expected an open input, got a closed one (", argv_[0], ")"));
  const double deadline = steady_seconds() + timeout_seconds;
  while (!bytes.empty()) {
    const double left = deadline - steady_seconds();
    if (left <= 0) {
      throw UserError(concat("process too slow: expected it to read its input within ", timeout_seconds, " s, got ", bytes.size(),
                             " bytes left (", argv_[0], ")"));
    }
    pump(&bytes, left);
  }
}

void ChildProcess::close_input() { close_descriptor(input_); }

bool ChildProcess::read_line(std::string& line, double timeout_seconds) {
  const double deadline = steady_seconds() + timeout_seconds;
  while (true) {
    const std::size_t end = output_buffer_.find('\n', output_scanned_);
    if (end != std::string::npos || (output_ < 0 && output_begin_ < output_buffer_.size())) {
      const std::size_t line_end = std::min(end, output_buffer_.size());
      line.assign(output_buffer_, output_begin_, line_end - output_begin_);
      output_begin_ = output_scanned_ = std::min(line_end + 1, output_buffer_.size());
      return true;
    }
    output_buffer_.erase(0, output_begin_);  // only once every whole line is taken, so that many lines do not cost a square
    output_begin_ = 0;
    output_scanned_ = output_buffer_.size();
    if (output_ < 0) return false;
    const double left = deadline - steady_seconds();
    if (left <= 0) throw UserError(concat("process too slow: expected a line within ", timeout_seconds, " s, got none (", argv_[0], ")"));
    pump(nullptr, left);
  }
}

std::string ChildProcess::take_error_output() {
  if (error_ >= 0) read_errors();
  return std::exchange(error_buffer_, "");
}

std::optional<ExitStatus> ChildProcess::poll() {
  if (status_) return status_;
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_) return std::nullopt;
  ::kill(-pid_, SIGKILL);  // what it left running; its number is ours only until it is reaped
  int raw = 0;
  ::waitpid(pid_, &raw, 0);
  status_ = WIFSIGNALED(raw) ? ExitStatus{0, WTERMSIG(raw)} : ExitStatus{WEXITSTATUS(raw), 0};
  return status_;
}

std::optional<ExitStatus> ChildProcess::wait(double timeout_seconds) {
  const double deadline = steady_seconds() + timeout_seconds;
  for (double pause = 0.0005; !poll(); pause = std::min(2 * pause, 0.02)) {
    const double left = deadline - steady_seconds();
    if (left <= 0) return std::nullopt;
    if (output_ >= 0 || error_ >= 0) {
      pump(nullptr, std::min(pause, left));
    } else {
      std::this_thread::sleep_for(std::chrono::duration<double>(std::min(pause, left)));
    }
  }
  return status_;
}

ExitStatus ChildProcess::stop(double grace_seconds) {
  if (poll()) return *status_;
  ::kill(-pid_, SIGTERM);
  const double deadline = steady_seconds() + grace_seconds;
  // Not wait(): what a child that is being stopped still says must not stop us.
  while (!poll() && steady_seconds() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  if (!status_) ::kill(-pid_, SIGKILL);
  while (!poll()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return *status_;
}

}  // namespace longbow
