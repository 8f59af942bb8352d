#include "tools/version.h"

#include "core/errors.h"
#include "kernels/isa.h"

namespace longbow::tools {

std::string version_number() { return LONGBOW_VERSION "+" LONGBOW_COMMIT; }

std::string version_text() {
  std::string isas;
  for (kernels::Isa isa : kernels::available_isas()) isas += (isas.empty() ? "" : " ") + kernels::name_of(isa);
  return concat("longbow ", LONGBOW_VERSION, "\ncommit   ", LONGBOW_COMMIT, "\nlibtorch ", LONGBOW_LIBTORCH_VERSION, "\nisa      ",
                kernels::name_of(kernels::active_isa()), " (of ", isas, ")\ncuda     not built in");
}

}  // namespace longbow::tools
