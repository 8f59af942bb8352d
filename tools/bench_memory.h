// How much memory this process held at its most, from /proc: `longbow bench` and its peer program both report it.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>

namespace longbow::tools {

/// The value of a "Name:  n kB" line of /proc/self/status in bytes; 0 when there is none.
inline std::int64_t process_status_bytes(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    std::int64_t kib = 0;
    if (word == name + ":" && file >> kib) return kib * 1024;
  }
  return 0;
}

/// Most bytes held since the last reset.
inline std::int64_t peak_resident_bytes() { return process_status_bytes("VmHWM"); }

/// Lets the peak start anew from what is held now, and returns that. Where the kernel refuses, the peak stays that of the process.
inline std::int64_t reset_peak_resident_bytes() {
  std::ofstream("/proc/self/clear_refs") << 5;
  return process_status_bytes("VmRSS");
}

}  // namespace longbow::tools
