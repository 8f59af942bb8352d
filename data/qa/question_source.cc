#include "data/qa/question_source.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/checksum.h"
#include "core/errors.h"
#include "core/log.h"
#include "core/random.h"
#include "data/bad_lines.h"
#include "data/qa/json_rows.h"
#include "data/qa/question_formats.h"
#include "data/qa/row.h"
#include "data/row_ids.h"

namespace longbow::data {
namespace {

constexpr std::size_t kShownBytes = 60;

std::string shown(const std::string& text) {
  return text.size() <= kShownBytes ? concat('"', text, '"') : concat('"', text.substr(0, kShownBytes), "…\"");
}

// An answer must stand in what the file gives as its evidence; a file without any is taken at its word.
void check_evidence(const QaItem& item) {
  if (item.paragraphs.empty() || is_yes_no(item)) return;
  const bool marked = std::any_of(item.paragraphs.begin(), item.paragraphs.end(), [](const QaParagraph& one) { return one.supporting; });
  for (const std::string& answer : item.answers) {
    for (const QaParagraph& paragraph : item.paragraphs) {
      if (marked && !paragraph.supporting) continue;
      if (holds_phrase(paragraph.title, answer) || holds_phrase(paragraph.text(), answer)) return;
    }
    for (const QaTriple& triple : item.evidence) {
      if (holds_phrase(triple.subject, answer) || holds_phrase(triple.object, answer)) return;
    }
  }
  throw UserError(
      concat("expected the answer ", shown(item.answer()), " in the ", marked ? "supporting " : "", "paragraphs, got none that holds it"));
}

class Loader {
 public:
  explicit Loader(const QuestionSource& source) : source_(source), bad_lines_(source.skip_bad_lines, kSkipBadLinesHint) {}

  void read(const std::string& path) {
    JsonRows rows(path);
    while (next_good_line(rows, bad_lines_, [&](const std::string& row) { take(row, rows.where()); })) {
    }
  }

  QuestionSet finish() {
    set_.num_skipped = bad_lines_.num_skipped();
    if (set_.num_skipped > 0) log_warning(concat("questions: skipped ", set_.num_skipped, " bad lines, kept ", set_.items.size()));
    if (set_.items.empty()) {
      throw UserError(
          concat("questions: expected at least one, got none (", source_.path.empty() ? "no files" : source_.path.front(), ")"));
    }
    return std::move(set_);
  }

 private:
  void take(const std::string& row, const std::string& where) {
    std::optional<QaItem> item = question_from_row(parse_row(row), source_.format, source_.fields);
    if (!item) {
      ++set_.num_unanswerable;
      return;
    }
    item->where = where;
    check_evidence(*item);
    item->id = ids_.take(std::move(item->id), where);
    set_.digest = hash64(row, set_.digest);
    set_.items.push_back(std::move(*item));
  }

  const QuestionSource& source_;
  BadLines bad_lines_;
  QuestionSet set_;
  RowIds ids_;
};

}  // namespace

std::shared_ptr<const QuestionSet> load_questions(const QuestionSource& source) {
  // Eight tasks over one file hold it once. Nothing is kept longer than a builder holds it.
  static std::mutex mutex;
  static std::unordered_map<std::string, std::weak_ptr<const QuestionSet>> loaded;
  QuestionSource key = source;
  key.heldout_share = 0;  // the split is the builders' business
  const std::lock_guard lock(mutex);
  std::weak_ptr<const QuestionSet>& slot = loaded[config_to_json(key).dump()];
  if (auto set = slot.lock()) return set;
  Loader loader(source);
  for (const std::string& path : source.path) loader.read(path);
  auto set = std::make_shared<const QuestionSet>(loader.finish());
  slot = set;
  return set;
}

bool is_heldout(const QaItem& item, double heldout_share) {
  constexpr std::uint64_t kBuckets = 1 << 20;
  return static_cast<double>(stable_hash("question " + item.id) % kBuckets) < heldout_share * kBuckets;
}

}  // namespace longbow::data
