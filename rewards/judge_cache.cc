#include "rewards/judge_cache.h"

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/json.h"
#include "core/line_reader.h"

namespace longbow::rewards {
namespace {

std::optional<std::pair<std::string, double>> read_entry(const std::string& line) {
  try {
    const Json json = parse_json(line, "line");
    const Json *key = json.find("key"), *score = json.find("score");
    if (key != nullptr && key->is_string() && score != nullptr && score->is_number() &&
        (score->as_number() == 0 || score->as_number() == 1)) {
      return std::pair(key->as_string(), score->as_number());
    }
  } catch (const UserError&) {  // cut short, or no verdict of ours
  }
  return std::nullopt;
}

}  // namespace

JudgeCache::JudgeCache(const std::string& path) : path_(path) {
  if (path.empty()) return;
  if (std::filesystem::exists(path)) {
    LineReader reader(path);
    for (std::string line; reader.next(line);) {
      if (auto entry = read_entry(line)) scores_.insert(*std::move(entry));
    }
  }
  file_.reset(std::fopen(path.c_str(), "ab"));
  if (!file_) throw UserError(concat("judge cache: cannot write ", path, ": ", std::strerror(errno)));
  if (!scores_.empty()) std::fputc('\n', file_.get());  // ends a line that was cut short
}

std::optional<double> JudgeCache::find(const std::string& key) const {
  const auto found = scores_.find(key);
  return found == scores_.end() ? std::nullopt : std::optional(found->second);
}

void JudgeCache::add(const std::string& key, double score) {
  if (!scores_.emplace(key, score).second || !file_) return;
  Json line = Json::object();
  line["key"] = key;
  line["score"] = score;
  const std::string text = line.dump() + "\n";
  if (std::fwrite(text.data(), 1, text.size(), file_.get()) != text.size() || std::fflush(file_.get()) != 0) {
    throw UserError(concat("judge cache: cannot write ", path_, ": ", std::strerror(errno)));
  }
}

std::string JudgeCache::key_of(std::string_view request) {
  char key[33];
  std::snprintf(key, sizeof key, "%016llx%016llx", static_cast<unsigned long long>(hash64(request, 1)),
                static_cast<unsigned long long>(hash64(request, 2)));
  return key;
}

}  // namespace longbow::rewards
