// Every kind of document: within its context, the same for the same key, answers where answers belong.
#include "data/lm_mixture.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/errors.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

class LmMixtureTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::temp_directory_path() / concat("longbow-mixture-", ::getpid());
    TokenizerTrainingOptions options;
    options.vocab_size = 420;
    corpus_ = new Corpus(WordNet::load());
    std::vector<std::string> lines(corpus_->filler().begin(), corpus_->filler().begin() + 2000);
    train_tokenizer(lines, options, folder_.string());
    tokenizer_ = new Tokenizer(folder_.string());
    template_ = new ChatTemplate(ChatTemplate::load(folder_.string()));
  }
  static void TearDownTestSuite() {
    delete template_;
    delete tokenizer_;
    delete corpus_;
    fs::remove_all(folder_);
  }
  static LmMixture mixture(const std::string& kind, const std::string& knobs, std::int64_t context) {
    return LmMixture({*corpus_, *tokenizer_, *template_}, {{kind, 1.0, parse_json(knobs, "knobs")}}, context);
  }

  static inline fs::path folder_;
  static inline Corpus* corpus_ = nullptr;
  static inline Tokenizer* tokenizer_ = nullptr;
  static inline ChatTemplate* template_ = nullptr;
};

struct Kind {
  const char* name;
  const char* knobs;
  bool answers;
};
constexpr Kind kKinds[] = {
    {"text", "{}", false},
    {"facts", R"({"num_categories": 3})", false},
    {"recall", R"({"min_needles": 2, "max_needles": 3})", true},
    {"recall", R"({"brief": true})", true},
    {"fuzzy_needle", R"({"max_tokens": 300, "num_distractors": 1, "num_decoys": 0})", true},
    {"key_chain", R"({"max_tokens": 360, "num_chains": 2, "keys_per_chain": 1, "key_digits": 4})", true},
    {"long_math", R"({"max_tokens": 400, "num_steps": 1, "num_noise": 0})", true},
};
constexpr std::int64_t kContext = 640;

TEST_F(LmMixtureTest, DocumentsKeepTheirBoundsAndDependOnTheirKeyAlone) {
  for (const Kind& kind : kKinds) {
    SCOPED_TRACE(kind.name);
    const LmMixture one = mixture(kind.name, kind.knobs, kContext);
    const LmMixture again = mixture(kind.name, kind.knobs, kContext);
    std::vector<std::int32_t> previous;
    for (std::int64_t index = 0; index < 5; ++index) {
      const LmDocument document = one.document(7, 1, 2, index);
      EXPECT_LE(document.tokens.size(), static_cast<std::size_t>(kContext + 1));
      EXPECT_EQ(document.tokens.size(), document.kinds.size());
      EXPECT_EQ(document.tokens, again.document(7, 1, 2, index).tokens);
      EXPECT_NE(document.tokens, previous);
      previous = document.tokens;
      const auto answers = std::count(document.kinds.begin(), document.kinds.end(), TargetKind::answer);
      EXPECT_EQ(answers > 0, kind.answers);
    }
    EXPECT_NE(one.document(7, 1, 2, 0).tokens, one.document(8, 1, 2, 0).tokens);
    EXPECT_NE(one.document(7, 1, 2, 0).tokens, one.document(7, 1, 3, 0).tokens);
  }
}

TEST_F(LmMixtureTest, RecallAnswersStandInTheText) {
  const LmMixture recall = mixture("recall", R"({"min_needles": 3, "max_needles": 3, "brief": true})", kContext);
  for (std::int64_t index = 0; index < 5; ++index) {
    const LmDocument document = recall.document(1, 0, 0, index);
    std::string text = tokenizer_->decode(document.tokens);
    std::vector<std::int32_t> answer;
    int turns = 0;
    for (std::size_t i = 0; i < document.tokens.size(); ++i) {
      if (document.kinds[i] == TargetKind::ignored || document.kinds[i] == TargetKind::text) continue;
      if (document.tokens[i] != tokenizer_->eos_id()) {
        answer.push_back(document.tokens[i]);
        continue;
      }
      const std::string code = tokenizer_->decode(answer);
      EXPECT_EQ(code.size(), 5u);
      EXPECT_NE(text.find("is " + code), std::string::npos) << code;
      answer.clear();
      ++turns;
    }
    EXPECT_EQ(turns, 3);
  }
}

TEST_F(LmMixtureTest, OnlyTheBeginningOfALookedUpWordIsMoreThanForm) {
  const LmMixture chains = mixture("key_chain", R"({"max_tokens": 360, "num_chains": 2, "keys_per_chain": 1, "key_digits": 4})", 800);
  const LmDocument document = chains.document(1, 0, 0, 0);
  int turns = 0;
  std::string form, decisions;
  for (std::size_t i = 0; i < document.tokens.size(); ++i) {
    const std::string piece = tokenizer_->decode({document.tokens[i]}, false);
    if (document.kinds[i] == TargetKind::form) form += piece;
    if (document.kinds[i] == TargetKind::answer) decisions += piece;
    turns += document.kinds[i] == TargetKind::form && document.tokens[i] == tokenizer_->eos_id();
  }
  EXPECT_EQ(turns, 2);  // both chains are asked for
  EXPECT_NE(form.find("answer"), std::string::npos) << form;
  EXPECT_EQ(decisions.find("answer"), std::string::npos) << decisions;
  // The head key, and the code twice, in each turn: one digit begins each of them.
  EXPECT_EQ(std::count_if(decisions.begin(), decisions.end(), [](char c) { return c >= '0' && c <= '9'; }), 6) << decisions;
}

TEST_F(LmMixtureTest, RefusesWhatItCannotDraw) {
  EXPECT_THROW(mixture("keychain", "{}", 100), UserError);
  EXPECT_THROW(mixture("recall", R"({"needles": 3})", 100), UserError);
  EXPECT_THROW(mixture("items", "{}", 100), UserError);
  EXPECT_THROW(LmMixture({*corpus_, *tokenizer_, *template_}, {{"text", 0.0, Json::object()}}, 100), UserError);
  EXPECT_THROW(LmMixture({*corpus_, *tokenizer_, *template_}, {{"recall", 1.0, Json::object(), 0.5}}, 100), UserError);
  EXPECT_THROW(mixture("key_chain", R"({"max_tokens": 64})", 80).document(1, 0, 0, 0), UserError);
}

}  // namespace
}  // namespace longbow::data
