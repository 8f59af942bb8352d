// What child processes say on their error streams, as lines of this process's log: a child that writes to the terminal by itself writes
// across the line that a Progress keeps at its bottom.
#pragma once

#include <string>
#include <thread>

namespace longbow {

class LogRelay {
 public:
  /// Starts a thread that logs line by line. Throws UserError when there is no descriptor left for the pipe.
  LogRelay();
  /// Logs what has been written; who still holds the other end is waited for no longer.
  ~LogRelay();
  LogRelay(const LogRelay&) = delete;
  LogRelay& operator=(const LogRelay&) = delete;

  /// For ProcessOptions::error_descriptor, of any number of children.
  int descriptor() const { return write_; }

 private:
  void run();

  int read_ = -1, write_ = -1;
  int ended_ = -1;  // an eventfd: there will be no more
  std::string line_;
  std::thread thread_;
};

}  // namespace longbow
