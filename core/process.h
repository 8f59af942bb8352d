// Child processes: the workers that `train` starts, and users' own commands (rewards), spoken to over pipes.
// A child leads its own process group, is killed when its parent dies, however it dies, and never outlives its ChildProcess.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace longbow {

struct ProcessOptions {
  enum class Stream { inherit, pipe, null };
  Stream input = Stream::null;
  Stream output = Stream::inherit;
  Stream error = Stream::inherit;
  int error_descriptor = -1;  // instead of `error`: what becomes the error stream; it stays the caller's
  std::vector<std::pair<std::string, std::string>> environment = {};  // added to this process's own
  std::string folder = {};                                            // to start in; empty: this process's
  std::size_t max_buffered_bytes = std::size_t{64} << 20;             // of output not yet read; beyond it read_line and write throw
  double stop_grace_seconds = 2;                                      // between SIGTERM and SIGKILL when the object goes
};

/// How a process ended: by `exit_code`, or by `signal` when that is not 0.
struct ExitStatus {
  int exit_code = 0;
  int signal = 0;
  bool success() const { return exit_code == 0 && signal == 0; }
  /// "exit code 3" or "signal 9 (Killed)".
  std::string describe() const;
};

class ChildProcess {
 public:
  /// Starts argv[0], looked up in PATH. Throws UserError when it cannot be started.
  /// Call it from a thread that lives as long as the child should: Linux kills the child when that thread ends.
  explicit ChildProcess(std::vector<std::string> argv, ProcessOptions options = {});
  /// Ends the whole process group and reaps it.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  /// Writes all of `bytes` to the child's input, taking in its output meanwhile, so that neither side blocks the other.
  /// Throws UserError on a time-out, or when the child has closed its input.
  void write(std::string_view bytes, double timeout_seconds);
  /// The child reads the end of its input.
  void close_input();

  /// The next line of the child's output, without its end; false once the output has ended. A last line without an end counts.
  /// Throws UserError on a time-out.
  bool read_line(std::string& line, double timeout_seconds);
  /// What the child has written to its piped error stream since the last call; at most the last 64 KiB.
  std::string take_error_output();

  /// How it ended, or nothing while it runs. What it left running in its group ends with it.
  std::optional<ExitStatus> poll();
  /// As poll(), after waiting at most so long. Piped output is taken in meanwhile.
  std::optional<ExitStatus> wait(double timeout_seconds);
  /// SIGTERM to the group, then SIGKILL after the grace; returns how it ended.
  ExitStatus stop(double grace_seconds);

 private:
  // Waits at most so long for a pipe to be ready, then moves what can be moved: `input` out, output and errors in.
  void pump(std::string_view* input, double timeout_seconds);
  bool read_available(int& descriptor, std::string& buffer);
  void read_errors();

  std::vector<std::string> argv_;
  ProcessOptions options_;
  pid_t pid_ = -1;
  int input_ = -1, output_ = -1, error_ = -1;  // our ends; -1 when closed
  std::string output_buffer_, error_buffer_;
  std::size_t output_begin_ = 0;    // of output_buffer_: read already
  std::size_t output_scanned_ = 0;  // of output_buffer_: read already, or known to hold no line end
  std::optional<ExitStatus> status_;
};

}  // namespace longbow
