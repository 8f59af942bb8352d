#include "trainer/lease_table.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace longbow::trainer {

namespace {

constexpr int kMaxFailures = 3;  // of one worker at one prompt

}  // namespace

std::optional<std::string> find_defect(const data::Group& group, const LeaseRequestItem& asked, const AnswerLimits& limits) {
  if (group.prompt.step != asked.prompt.step || group.prompt.prompt_idx != asked.prompt.prompt_idx) {
    return concat("prompt: expected number ", asked.prompt.prompt_idx, " of step ", asked.prompt.step, ", got ", group.prompt.prompt_idx,
                  " of step ",
                  group.prompt.step);  // an answer to an earlier incarnation's lease of the same id
  }
  if (group.prompt.item_id != asked.prompt.item_id || group.prompt.task != asked.prompt.task) {
    return concat("prompt: expected item '", asked.prompt.item_id, "' of task '", asked.prompt.task, "', got another");
  }
  if (group.prompt.tokens != asked.prompt.tokens) return "prompt: expected the leased tokens, got others";
  if (static_cast<std::int64_t>(group.completions.size()) != asked.group_size) {
    return concat("group size: expected ", asked.group_size, ", got ", group.completions.size());
  }
  for (std::size_t i = 0; i < group.completions.size(); ++i) {
    const data::Completion& completion = group.completions[i];
    if (completion.sample_idx != static_cast<std::int64_t>(i)) return concat("sample_idx: expected ", i, ", got ", completion.sample_idx);
    if (static_cast<std::int64_t>(completion.tokens.size()) > asked.sampling.max_completion_tokens) {
      return concat("completion length: expected at most ", asked.sampling.max_completion_tokens, " tokens, got ",
                    completion.tokens.size());
    }
    if (completion.rollout_logprobs.size() != completion.tokens.size()) return "rollout_logprobs: expected one per token";
    if (completion.finish_reason == data::FinishReason::abort) return "finish_reason: expected stop or length, got abort";
    if (completion.min_policy_version < asked.min_policy_version) {
      return concat("policy_version: expected at least ", asked.min_policy_version, ", got ", completion.min_policy_version);
    }
    if (completion.max_policy_version > limits.newest_policy_version) {
      return concat("policy_version: expected at most ", limits.newest_policy_version, ", got ", completion.max_policy_version);
    }
    for (std::int32_t token : completion.tokens) {
      if (token < 0 || token >= limits.vocab_size) return concat("token id: expected 0 to ", limits.vocab_size - 1, ", got ", token);
    }
    for (float logprob : completion.rollout_logprobs) {
      if (!std::isfinite(logprob) || logprob > 1e-3f) return concat("rollout_logprobs: expected finite values <= 0, got ", logprob);
    }
  }
  return std::nullopt;
}

void LeaseTable::add(LeaseRequestItem item) {
  const Key key{item.prompt.step, item.prompt.prompt_idx};
  const bool added = entries_.emplace(key, Entry{std::move(item), State::pending, 0, "", 0, {}}).second;
  LONGBOW_CHECK(added);
}

std::optional<data::Lease> LeaseTable::grant(const std::string& worker, std::int64_t policy_version, std::int64_t now_ms) {
  for (auto& [key, entry] : entries_) {
    if (entry.state != State::pending || entry.item.min_policy_version > policy_version) continue;
    if (const auto failed = entry.failures.find(worker); failed != entry.failures.end() && failed->second >= kMaxFailures) continue;
    entry.state = State::leased;
    entry.lease_id = next_lease_id_++;
    entry.worker = worker;
    entry.deadline_ms = now_ms + timeout_ms_;
    leases_[entry.lease_id] = key;
    ++counters_.granted;
    data::Lease lease;
    lease.lease_id = entry.lease_id;
    lease.prompt = entry.item.prompt;
    lease.group_size = entry.item.group_size;
    lease.sampling = entry.item.sampling;
    lease.min_policy_version = entry.item.min_policy_version;
    return lease;
  }
  return std::nullopt;
}

LeaseTable::Entry* LeaseTable::find(std::uint64_t lease_id) {
  const auto lease = leases_.find(lease_id);
  return lease == leases_.end() ? nullptr : &entries_.at(lease->second);
}

LeaseTable::Verdict LeaseTable::complete(const std::string& worker, const data::Group& group, const AnswerLimits& limits,
                                         std::string* why) {
  Entry* entry = find(group.lease_id);
  if (entry == nullptr) {
    ++counters_.refused;
    *why = "lease: this run granted none of that id, or its step is over";
    return Verdict::refused;
  }
  if (entry->state == State::done) {
    ++counters_.duplicates;
    return Verdict::duplicate;
  }
  if (auto defect = find_defect(group, entry->item, limits)) {
    ++counters_.refused;
    ++entry->failures[worker];
    *why = *defect;
    if (entry->lease_id == group.lease_id) make_pending(*entry);
    return Verdict::refused;
  }
  entry->state = State::done;
  ++counters_.completed;
  return Verdict::accepted;
}

void LeaseTable::decline(const std::string& worker, std::uint64_t lease_id) {
  Entry* entry = find(lease_id);
  if (entry == nullptr || entry->state == State::done) return;
  ++counters_.declined;
  entry->failures[worker] = kMaxFailures;
  if (entry->lease_id == lease_id) make_pending(*entry);
}

void LeaseTable::take_back(std::uint64_t lease_id) {
  Entry* entry = find(lease_id);
  LONGBOW_CHECK(entry != nullptr);
  make_pending(*entry);
  ++counters_.reissued;
}

bool LeaseTable::is_hopeless(std::uint64_t lease_id, const std::vector<std::string>& workers) const {
  const auto lease = leases_.find(lease_id);
  if (lease == leases_.end()) return false;
  const Entry& entry = entries_.at(lease->second);
  return entry.state != State::done && std::all_of(workers.begin(), workers.end(), [&](const std::string& worker) {
           const auto failed = entry.failures.find(worker);
           return failed != entry.failures.end() && failed->second >= kMaxFailures;
         });
}

void LeaseTable::extend(const std::string& worker, const std::vector<std::uint64_t>& lease_ids, std::int64_t now_ms) {
  for (std::uint64_t lease_id : lease_ids) {
    Entry* entry = find(lease_id);
    if (entry == nullptr) continue;
    if (entry->state == State::leased && entry->lease_id == lease_id && entry->worker == worker) entry->deadline_ms = now_ms + timeout_ms_;
  }
}

void LeaseTable::make_pending(Entry& entry) {
  entry.state = State::pending;
  entry.worker.clear();
}

int LeaseTable::release(const std::string& worker) {
  int released = 0;
  for (auto& [key, entry] : entries_) {
    if (entry.state != State::leased || entry.worker != worker) continue;
    make_pending(entry);
    ++counters_.reissued;
    ++released;
  }
  return released;
}

int LeaseTable::expire(std::int64_t now_ms) {
  int expired = 0;
  for (auto& [key, entry] : entries_) {
    if (entry.state != State::leased || entry.deadline_ms > now_ms) continue;
    make_pending(entry);
    ++counters_.reissued;
    ++expired;
  }
  return expired;
}

void LeaseTable::reissue(std::int64_t step, std::int64_t prompt_idx, std::int64_t min_policy_version) {
  Entry& entry = entries_.at({step, prompt_idx});
  LONGBOW_CHECK(entry.state == State::done);
  std::erase_if(leases_, [&](const auto& lease) { return lease.second == Key{step, prompt_idx}; });  // old answers stay stale
  entry.item.min_policy_version = min_policy_version;
  make_pending(entry);
  ++counters_.reissued;
}

void LeaseTable::forget_before(std::int64_t step) {
  std::erase_if(leases_, [&](const auto& lease) { return lease.second.first < step; });
  std::erase_if(entries_, [&](const auto& entry) { return entry.first.first < step; });
}

std::int64_t LeaseTable::num_pending() const {
  return std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) { return entry.second.state == State::pending; });
}

std::int64_t LeaseTable::num_leased() const {
  return std::count_if(entries_.begin(), entries_.end(), [](const auto& entry) { return entry.second.state == State::leased; });
}

}  // namespace longbow::trainer
