// Ctrl-C and SIGTERM as a flag: the loops of learner, worker and builders ask for it between steps, save, and leave with
// exit code 130. A second signal ends the process at once.
#pragma once

namespace longbow {

/// What a process that saved after a signal returns.
inline constexpr int kInterruptedExitCode = 130;

/// Lets SIGINT and SIGTERM raise the flag from now on.
void catch_interrupts();

/// True once a signal came.
bool interrupted();

}  // namespace longbow
