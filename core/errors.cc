#include "core/errors.h"

namespace longbow::internal {

void check_failed(const char* file, int line, std::string_view expression, const std::string& detail) {
  std::ostringstream message;
  message << "internal check failed: " << expression;
  if (!detail.empty()) message << " (" << detail << ")";
  message << " at " << file << ":" << line;
  throw InternalError(message.str());
}

}  // namespace longbow::internal
