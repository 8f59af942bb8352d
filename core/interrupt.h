// Ctrl-C and SIGTERM as a flag: the loops of learner, worker and builders ask for it between steps, save, and leave with
// exit code 130. A second signal ends the process at once.
#pragma once

#include "core/errors.h"

namespace longbow {

/// What a process that saved after a signal returns.
inline constexpr int kInterruptedExitCode = 130;

/// Thrown where a loop cannot just return: what was finished is saved. Any other error after a signal says that saving failed.
class Interrupted : public UserError {
 public:
  using UserError::UserError;
};

/// Lets SIGINT and SIGTERM raise the flag from now on.
void catch_interrupts();

/// True once a signal came.
bool interrupted();

}  // namespace longbow
