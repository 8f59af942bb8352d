#include "rewards/reward_command.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <unordered_map>

#include "core/clock.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/process.h"

namespace longbow::rewards {
namespace {

constexpr std::size_t kShownBytes = 120;
constexpr double kExitWaitSeconds = 0.5;  // for a command that closed its output to say how it ended

std::string shortened(std::string_view text) {
  std::string shown;
  for (const char c : text.substr(0, kShownBytes)) shown += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return text.size() > kShownBytes ? shown + "…" : shown;
}

}  // namespace

struct RewardCommand::State {
  State(std::vector<std::string> argv, std::int64_t timeout)
      : name(argv.empty() ? "" : argv.front()),
        timeout_ms(timeout),
        child(std::move(argv),
              {.input = ProcessOptions::Stream::pipe, .output = ProcessOptions::Stream::pipe, .error = ProcessOptions::Stream::pipe}) {}

  std::string name;
  std::int64_t timeout_ms;
  ChildProcess child;
  std::string error_tail;  // of the child's error stream: a line not yet ended

  // Shows what the command wrote to its error stream, line by line, under its name.
  void pass_on_errors(bool at_end) {
    error_tail += child.take_error_output();
    std::size_t begin = 0;
    for (std::size_t end; (end = error_tail.find('\n', begin)) != std::string::npos; begin = end + 1) show(begin, end);
    error_tail.erase(0, begin);
    if (at_end && !error_tail.empty()) {
      show(0, error_tail.size());
      error_tail.clear();
    }
  }
  void show(std::size_t begin, std::size_t end) const {
    log_warning(concat("reward command ", name, ": ", std::string_view(error_tail).substr(begin, end - begin)));
  }

  [[noreturn]] void fail(const std::string& what) {
    pass_on_errors(true);
    throw UserError(concat("reward command ", name, ": ", what));
  }
};

namespace {

// The answers of one batch, matched to its queries by id.
class Batch {
 public:
  explicit Batch(const std::vector<RewardQuery>& queries) : queries_(queries), results_(queries.size()) {
    for (std::size_t i = 0; i < queries.size(); ++i) {
      LONGBOW_CHECK(index_.emplace(queries[i].id, i).second);  // ids are ours to keep apart
    }
  }

  std::string request() const {
    std::string lines;
    for (const RewardQuery& query : queries_) {
      Json line = Json::object();
      line["id"] = query.id;
      line["prediction"] = query.prediction;
      Json& answers = line["answers"] = Json::array();
      for (const std::string& answer : query.answers) answers.push_back(answer);
      line["question"] = query.question;
      line["params"] = query.params;
      lines += line.dump();
      lines += '\n';
    }
    return lines;
  }

  // Takes in one line; returns what is wrong with it, or an empty string.
  std::string accept(const std::string& line) {
    const std::string got = concat(", got: ", shortened(line));
    Json answer;
    try {
      answer = parse_json(line, "line");
    } catch (const UserError&) {
      return "expected a line of JSON" + got;
    }
    const Json* id = answer.find("id");
    const Json* score = answer.find("score");
    if (id == nullptr || !id->is_string() || score == nullptr || !(score->is_null() || score->is_number())) {
      return "expected {\"id\": the id as it came, \"score\": a number or null}" + got;
    }
    if (score->is_number() && !std::isfinite(score->as_number())) return "expected a finite score" + got;
    const auto found = index_.find(id->as_string());
    if (found == index_.end()) return concat("expected an id of this batch", got);
    std::optional<RewardResult>& result = results_[found->second];
    if (result) return concat("expected one answer for each id, got a second one for \"", shortened(id->as_string()), "\"");
    const Json* reason = answer.find("reason");
    const Json* extracted = answer.find("extracted");
    const auto text = [](const Json* value) { return value != nullptr && value->is_string() ? value->as_string() : std::string(); };
    result =
        RewardResult{score->is_null() ? std::nullopt : std::optional(score->as_number()), text(extracted), text(reason), clock_.seconds()};
    ++num_answered_;
    return "";
  }

  bool complete() const { return num_answered_ == queries_.size(); }
  std::size_t num_answered() const { return num_answered_; }

  // "3 of 8 answers, still owed: a, b, c, …"
  std::string owed() const {
    std::string names;
    std::size_t listed = 0;
    for (std::size_t i = 0; i < queries_.size(); ++i) {
      if (results_[i]) continue;
      if (++listed > 5) {
        names += ", …";
        break;
      }
      names += (listed > 1 ? ", " : "") + shortened(queries_[i].id);
    }
    return concat(num_answered_, " of ", queries_.size(), " answers; still owed: ", names);
  }

  std::vector<RewardResult> take() {
    std::vector<RewardResult> results;
    for (std::optional<RewardResult>& result : results_) results.push_back(std::move(*result));
    return results;
  }

 private:
  const std::vector<RewardQuery>& queries_;
  std::vector<std::optional<RewardResult>> results_;
  std::unordered_map<std::string, std::size_t> index_;
  std::size_t num_answered_ = 0;
  Stopwatch clock_;
};

}  // namespace

RewardCommand::RewardCommand(std::vector<std::string> command, std::int64_t timeout_ms) {
  if (command.empty()) throw UserError("reward command: expected a program, got nothing");
  if (timeout_ms <= 0) throw UserError(concat("reward command ", command.front(), ": expected a time-out above 0 ms, got ", timeout_ms));
  state_ = std::make_unique<State>(std::move(command), timeout_ms);
}

RewardCommand::~RewardCommand() { state_->pass_on_errors(true); }

std::vector<RewardResult> RewardCommand::score(const std::vector<RewardQuery>& queries) {
  if (queries.empty()) return {};
  Batch batch(queries);
  const double seconds = static_cast<double>(state_->timeout_ms) / 1000;
  const Stopwatch clock;
  const auto remaining = [&] { return seconds - clock.seconds(); };
  const auto too_slow = [&] { state_->fail(concat("expected every answer within ", state_->timeout_ms, " ms, got ", batch.owed())); };
  std::string write_problem;
  try {
    state_->child.write(batch.request(), seconds);
  } catch (const UserError& error) {
    if (remaining() <= 0) too_slow();
    write_problem = error.what();  // it closed its input; what it answered before may still say why
  }
  std::string line;
  while (!batch.complete()) {
    bool more = false;
    try {
      more = state_->child.read_line(line, std::max(0.0, remaining()));
    } catch (const UserError& error) {
      if (remaining() <= 0) too_slow();
      state_->fail(error.what());
    }
    state_->pass_on_errors(false);
    if (!more) {
      const std::optional<ExitStatus> status = state_->child.wait(kExitWaitSeconds);
      state_->fail(concat(status ? "ended early (" + status->describe() + ")" : "closed its output", " after ", batch.owed()));
    }
    if (const std::string problem = batch.accept(line); !problem.empty()) state_->fail(problem);
  }
  if (!write_problem.empty()) state_->fail(write_problem);
  return batch.take();
}

}  // namespace longbow::rewards
