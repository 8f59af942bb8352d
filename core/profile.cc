#include "core/profile.h"

#include <algorithm>
#include <utility>

#include "core/clock.h"

namespace longbow {
namespace {

thread_local Profile* watching = nullptr;

}  // namespace

Profile::Profile() : nodes_{{"", 0, {}, 0, 0}} {}

Profile::Watch::Watch(Profile& profile) : outer_(std::exchange(watching, &profile)) {}
Profile::Watch::~Watch() { watching = outer_; }

void Profile::append(std::size_t node, const std::string& prefix, std::vector<Entry>& out) const {
  for (const std::size_t child : nodes_[node].children) {
    const std::string path = prefix + std::string(nodes_[child].name);
    out.push_back({path, nodes_[child].seconds, nodes_[child].count});
    append(child, path + "/", out);
  }
}

std::vector<Profile::Entry> Profile::entries() const {
  std::vector<Entry> out;
  append(0, "", out);
  return out;
}

ProfileScope::ProfileScope(std::string_view name) : profile_(watching) {
  if (profile_ == nullptr) return;
  auto& nodes = profile_->nodes_;
  const auto& siblings = nodes[profile_->current_].children;
  const auto found = std::find_if(siblings.begin(), siblings.end(), [&](std::size_t child) { return nodes[child].name == name; });
  std::size_t node = nodes.size();
  if (found != siblings.end()) {
    node = *found;
  } else {
    nodes[profile_->current_].children.push_back(node);
    nodes.push_back({name, profile_->current_, {}, 0, 0});
  }
  profile_->current_ = node;
  start_ = steady_seconds();
}

ProfileScope::~ProfileScope() {
  if (profile_ == nullptr) return;
  Profile::Node& node = profile_->nodes_[profile_->current_];
  node.seconds += steady_seconds() - start_;
  ++node.count;
  profile_->current_ = node.parent;
}

}  // namespace longbow
