// Where the time of a thread goes: named scopes that nest, their seconds summed by path. Scopes stand in the code for good and cost
// two readings of the clock where a Profile watches the thread, nothing measurable where none does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longbow {

class Profile {
 public:
  Profile();

  /// Watches the calling thread from here to the end of the block. Watches nest; the innermost counts.
  class Watch {
   public:
    explicit Watch(Profile& profile);
    ~Watch();
    Watch(const Watch&) = delete;

   private:
    Profile* outer_;
  };

  struct Entry {
    std::string path;  // "train/forward/attention"
    double seconds = 0;
    std::int64_t count = 0;
  };
  /// All paths, each after the one it is part of; in the order in which they were first met.
  std::vector<Entry> entries() const;

 private:
  friend class ProfileScope;
  struct Node {
    std::string_view name;
    std::size_t parent;
    std::vector<std::size_t> children;
    double seconds = 0;
    std::int64_t count = 0;
  };
  void append(std::size_t node, const std::string& prefix, std::vector<Entry>& out) const;

  std::vector<Node> nodes_;  // the first is the whole
  std::size_t current_ = 0;
};

/// Counts from here to the end of the block under `name`, inside the scope around it. `name` must outlive the profile: a literal.
class ProfileScope {
 public:
  explicit ProfileScope(std::string_view name);
  ~ProfileScope();
  ProfileScope(const ProfileScope&) = delete;

 private:
  Profile* profile_;
  double start_ = 0;
};

}  // namespace longbow
