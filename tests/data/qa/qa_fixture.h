// Rows of every question format, small and whole, and a way to read them as a file.
#pragma once

#include <string>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "data/qa/question_source.h"
#include "tests/core/temporary_folder.h"

namespace longbow::data {

inline constexpr const char* kHotpotRow =
    R"({"_id":"h1","question":"Which country is the painter of Dawn from?","answer":"Norway","type":"bridge","level":"hard",)"
    R"("supporting_facts":[["Dawn",0],["Ida Holm",1]],)"
    R"("context":[["Dawn",["Dawn is a painting by Ida Holm."," It hangs in Bergen."]],)"
    R"(["Ida Holm",["Ida Holm was a painter."," She was born in Norway."]],["Oslo",["Oslo is a city."]]]})";
/// The same question as columns.
inline constexpr const char* kHotpotColumnsRow =
    R"({"id":"h1","question":"Which country is the painter of Dawn from?","answer":"Norway","type":"bridge","level":"hard",)"
    R"("supporting_facts":{"title":["Dawn","Ida Holm"],"sent_id":[0,1]},)"
    R"("context":{"title":["Dawn","Ida Holm","Oslo"],"sentences":[["Dawn is a painting by Ida Holm."," It hangs in Bergen."],)"
    R"(["Ida Holm was a painter."," She was born in Norway."],["Oslo is a city."]]}})";
inline constexpr const char* kTwoWikiRow =
    R"({"_id":"w1","type":"compositional","question":"When did the director of Red Sky die?","answer":"3 May 1950",)"
    R"("context":[["Red Sky",["Red Sky is a 1931 film directed by Tom Reed."]],["Tom Reed",["Tom Reed was a director.","He died on 3 May 1950."]]],)"
    R"("supporting_facts":[["Red Sky",0],["Tom Reed",1]],)"
    R"("evidences":[["Red Sky","director","Tom Reed"],["Tom Reed","date of death","3 May 1950"]],"entity_ids":"Q1_Q2"})";
inline constexpr const char* kMusiqueRow =
    R"({"id":"2hop__1_2","question":"Who married the author of Low Tide?","answer":"Ann Lee","answer_aliases":["Ann M. Lee"],"answerable":true,)"
    R"("paragraphs":[{"idx":0,"title":"Padding","paragraph_text":"Nothing of note.","is_supporting":false},)"
    R"({"idx":1,"title":"Low Tide","paragraph_text":"Low Tide is a novel by Sam Roe. It sold well.","is_supporting":true},)"
    R"({"idx":2,"title":"Sam Roe","paragraph_text":"Sam Roe married Ann Lee.","is_supporting":true}],)"
    R"("question_decomposition":[{"id":1,"question":"Low Tide >> author","answer":"Sam Roe","paragraph_support_idx":1},)"
    R"({"id":2,"question":"#1 >> spouse","answer":"Ann Lee","paragraph_support_idx":2}]})";
inline constexpr const char* kVerlRow =
    R"({"data_source":"gsm8k","prompt":[{"role":"system","content":"Be brief."},{"role":"user","content":"What is 2 plus 3?"}],)"
    R"("ability":"math","reward_model":{"style":"rule","ground_truth":"5"},"extra_info":{"split":"train","index":7}})";
inline constexpr const char* kReasoningGymRow =
    R"({"question":"How many legs do 3 cows have?","answer":12,"metadata":{"source_dataset":"leg_counting","source_index":4}})";
inline constexpr const char* kPlainRow =
    R"({"uid":9,"ask":"Who wrote Low Tide?","gold":{"text":["Sam Roe","S. Roe"]},"passages":["Low Tide is by Sam Roe. It sold well."]})";

/// A file of these bytes, compressed by its extension, read as questions.
class QuestionFile {
 public:
  explicit QuestionFile(std::string_view bytes, const std::string& name = "questions.jsonl") : path_(folder_.file(name)) {
    write_file_atomically(path_, bytes);
    source_.path = {path_};
  }
  QuestionSource& source() { return source_; }
  const std::string& path() const { return path_; }
  std::shared_ptr<const QuestionSet> load() const { return load_questions(source_); }
  /// The message of the UserError that loading throws, without the folder; empty when it throws none.
  std::string error() const {
    try {
      load();
    } catch (const UserError& error) {
      std::string message = error.what();
      const std::string folder = folder_.path() + "/";
      for (std::size_t at = message.find(folder); at != std::string::npos; at = message.find(folder)) message.erase(at, folder.size());
      return message;
    }
    return "";
  }

 private:
  testing::TemporaryFolder folder_;
  std::string path_;
  QuestionSource source_;
};

}  // namespace longbow::data
