// Who works on which prompt. A prompt is pending, leased (to one worker, until a deadline) or done; a lease that times out
// or whose worker leaves becomes pending again, and whichever answer comes first counts: every prompt is used exactly once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/protocol.h"

namespace longbow::trainer {

/// One prompt to be answered.
struct LeaseRequestItem {
  data::Prompt prompt;
  std::int32_t group_size = 0;
  data::SamplingParams sampling;
  std::int64_t min_policy_version = 0;
};

struct LeaseCounters {
  std::int64_t granted = 0;
  std::int64_t completed = 0;
  std::int64_t reissued = 0;    // timed out, or their worker left
  std::int64_t duplicates = 0;  // answers to a prompt that was already done
  std::int64_t refused = 0;     // answers to no lease of this run, or malformed
  std::int64_t declined = 0;    // by workers that cannot answer the prompt
};

/// What every completion of the run must keep to.
struct AnswerLimits {
  int vocab_size = 0;
  std::int64_t newest_policy_version = 0;  // that was published
};

class LeaseTable {
 public:
  explicit LeaseTable(std::int64_t timeout_ms) : timeout_ms_(timeout_ms) {}

  /// Queues a prompt; leases are granted in the order of (step, prompt_idx).
  void add(LeaseRequestItem item);

  /// The next pending prompt that weights of `policy_version` may answer, leased to `worker` until now + timeout. Prompts that the worker
  /// has declined, or answered wrongly three times, are left to others.
  std::optional<data::Lease> grant(const std::string& worker, std::int64_t policy_version, std::int64_t now_ms);

  enum class Verdict { accepted, duplicate, refused };
  /// Takes an answer. Accepted at most once per prompt, also from a lease that had been reissued in the meantime.
  /// `why` says what was wrong with a refused group: its prompt, size, lengths, policy versions or log-probabilities.
  Verdict complete(const std::string& worker, const data::Group& group, const AnswerLimits& limits, std::string* why);
  /// The worker will not be able to answer: the prompt is pending again.
  void decline(const std::string& worker, std::uint64_t lease_id);
  /// The lease did not reach its worker.
  void take_back(std::uint64_t lease_id);
  /// True when none of `workers` is left that the lease's prompt could be given to.
  bool is_hopeless(std::uint64_t lease_id, const std::vector<std::string>& workers) const;

  /// The worker is alive and still at these leases.
  void extend(const std::string& worker, const std::vector<std::uint64_t>& lease_ids, std::int64_t now_ms);
  /// Makes all of a worker's leases pending again; returns how many.
  int release(const std::string& worker);
  /// Makes overdue leases pending again; returns how many.
  int expire(std::int64_t now_ms);
  /// Queues a done prompt again (its group was too stale to be used), with another minimum version.
  void reissue(std::int64_t step, std::int64_t prompt_idx, std::int64_t min_policy_version);
  /// Forgets everything of steps before `step`.
  void forget_before(std::int64_t step);

  std::int64_t num_pending() const;
  std::int64_t num_leased() const;
  const LeaseCounters& counters() const { return counters_; }

 private:
  enum class State { pending, leased, done };
  struct Entry {
    LeaseRequestItem item;
    State state = State::pending;
    std::uint64_t lease_id = 0;  // the newest
    std::string worker;
    std::int64_t deadline_ms = 0;
    std::map<std::string, int> failures;  // wrong answers by worker; kMaxFailures for one that declined
  };
  using Key = std::pair<std::int64_t, std::int64_t>;  // (step, prompt_idx)

  Entry* find(std::uint64_t lease_id);
  void make_pending(Entry& entry);

  std::int64_t timeout_ms_;
  std::uint64_t next_lease_id_ = 1;
  std::map<Key, Entry> entries_;
  std::map<std::uint64_t, Key> leases_;  // every lease ever granted for a prompt that is still known
  LeaseCounters counters_;
};

/// Checks a worker's group against what was asked; returns what is wrong, or nothing.
std::optional<std::string> find_defect(const data::Group& group, const LeaseRequestItem& asked, const AnswerLimits& limits);

}  // namespace longbow::trainer
