// Question files of any bytes: every row of every format either becomes a question with an answer, or is one UserError.
#include <cstddef>
#include <cstdint>
#include <string>

#include "core/errors.h"
#include "data/qa/json_rows.h"
#include "data/qa/question_formats.h"
#include "tests/fuzz/scratch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace longbow;
  using data::QuestionFormat;
  static const fuzz::ScratchFile file("question_fuzz");
  file.write(data, size);
  data::JsonRows rows(file.path());
  std::string row;
  for (;;) {
    try {
      if (!rows.next(row)) break;
    } catch (const UserError&) {
      continue;
    }
    for (const QuestionFormat format : {QuestionFormat::automatic, QuestionFormat::hotpotqa, QuestionFormat::musique, QuestionFormat::verl,
                                        QuestionFormat::reasoning_gym, QuestionFormat::jsonl}) {
      try {
        const auto item = data::question_from_row(parse_json(row, "row"), format, {});
        if (!item) continue;
        LONGBOW_CHECK(!item->question.empty() && !item->answers.empty() && !item->answer().empty());
        for (const data::QaParagraph& paragraph : item->paragraphs) {
          for (const std::size_t sentence : paragraph.supporting_sentences) LONGBOW_CHECK_LT(sentence, paragraph.sentences.size());
          data::holds_phrase(paragraph.text(), item->answer());
        }
        for (const data::QaStep& step : item->steps) {
          if (step.paragraph) LONGBOW_CHECK_LT(*step.paragraph, item->paragraphs.size());
        }
      } catch (const UserError&) {
      }
    }
  }
  return 0;
}
