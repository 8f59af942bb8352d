// Trains the sentencepiece model of a new checkpoint and writes the files by which both Longbow and transformers know it:
// tokenizer.model (ours), tokenizer.json (the same BPE, merges derived from scores), tokenizer_config.json, special_tokens_map.json.
#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <algorithm>
#include <tuple>
#include <unordered_map>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "core/json.h"
#include "core/random.h"
#include "data/tokenizer.h"

namespace longbow::data {
namespace {

constexpr const char* kBos = "<s>";
constexpr const char* kEndOfText = "</s>";
constexpr const char* kUnknown = "<unk>";

constexpr const char* kChatTemplate =
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '<|end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";

/// Hands the lines to the trainer without copying them.
class Lines : public sentencepiece::SentenceIterator {
 public:
  explicit Lines(std::vector<const std::string*> lines) : lines_(std::move(lines)) {}
  bool done() const override { return next_ == lines_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return *lines_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  std::vector<const std::string*> lines_;
  std::size_t next_ = 0;
};

/// All lines, or `max_lines` of them picked by the seed and left in their order.
std::vector<const std::string*> sample(const std::vector<std::string>& lines, const TokenizerTrainingOptions& options) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].empty()) order.push_back(i);
  }
  if (order.size() > options.max_lines) {
    Rng(options.seed, {stable_hash("tokenizer lines")}).shuffle(order);
    order.resize(options.max_lines);
    std::sort(order.begin(), order.end());
  }
  std::vector<const std::string*> sampled;
  for (const std::size_t i : order) sampled.push_back(&lines[i]);
  return sampled;
}

std::string join(const std::vector<std::string>& parts) {
  std::string joined;
  for (const std::string& part : parts) {
    if (part.empty() || part.find(',') != std::string::npos) {
      throw UserError(concat("train tokenizer: special_tokens: expected texts without commas, got '", part, "'"));
    }
    joined += (joined.empty() ? "" : ",") + part;
  }
  return joined;
}

std::string train_model(const std::vector<std::string>& lines, const TokenizerTrainingOptions& options) {
  Lines sampled(sample(lines, options));
  if (sampled.done()) throw UserError("train tokenizer: expected lines of text, got none");
  const std::unordered_map<std::string, std::string> spec = {
      {"model_type", "bpe"},
      {"vocab_size", std::to_string(options.vocab_size)},
      {"user_defined_symbols", join(options.special_tokens)},
      {"split_digits", "true"},
      {"byte_fallback", "true"},
      {"character_coverage", "0.9999"},
      // No surprises: text comes back as it went in.
      {"normalization_rule_name", "identity"},
      {"add_dummy_prefix", "false"},
      {"remove_extra_whitespaces", "false"},
      {"input_sentence_size", "0"},
      {"max_sentence_length", "65536"},
      {"num_threads", std::to_string(options.num_threads)},
      {"unk_id", "0"},
      {"bos_id", "1"},
      {"eos_id", "2"},
      {"pad_id", "-1"},
      {"minloglevel", "2"},
  };
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(spec, &sampled, &model);
  if (!status.ok()) {
    throw UserError(concat("train tokenizer: sentencepiece refuses vocab_size ", options.vocab_size, " on these lines: ", status.message()),
                    "a vocabulary larger than the text can fill needs a smaller vocab_size or more text");
  }
  return model;
}

std::vector<std::string> code_points(const std::string& text) {
  std::vector<std::string> result;
  for (const char byte : text) {
    if ((static_cast<unsigned char>(byte) & 0xC0) == 0x80 && !result.empty()) {
      result.back().push_back(byte);
    } else {
      result.emplace_back(1, byte);
    }
  }
  return result;
}

/// Merges in the order sentencepiece would make them: by the score of the piece they form, then by the ids of their parts.
Json merges_of(const sentencepiece::SentencePieceProcessor& model, const std::vector<std::string>& special_tokens) {
  std::unordered_map<std::string, int> ids;
  for (int id = 0; id < model.GetPieceSize(); ++id) {
    if (!model.IsControl(id) && !model.IsUnknown(id) && !model.IsByte(id)) ids.emplace(model.IdToPiece(id), id);
  }
  for (const std::string& content : special_tokens) ids.erase(content);
  struct Merge {
    float score;
    int left_id, right_id;
    std::string left, right;
  };
  std::vector<Merge> merges;
  for (const auto& [piece, id] : ids) {
    const std::vector<std::string> points = code_points(piece);
    std::string left;
    for (std::size_t split = 1; split < points.size(); ++split) {
      left += points[split - 1];
      const std::string right = piece.substr(left.size());
      const auto left_id = ids.find(left);
      const auto right_id = ids.find(right);
      if (left_id != ids.end() && right_id != ids.end()) {
        merges.push_back({model.GetScore(id), left_id->second, right_id->second, left, right});
      }
    }
  }
  std::sort(merges.begin(), merges.end(), [](const Merge& a, const Merge& b) {
    return std::tuple(-a.score, a.left_id, a.right_id) < std::tuple(-b.score, b.left_id, b.right_id);
  });
  Json list = Json::array();
  for (Merge& merge : merges) list.push_back(Json::Array{std::move(merge.left), std::move(merge.right)});
  return list;
}

Json added_token(const std::string& content) {
  return Json::Object{{"content", content}, {"lstrip", false},      {"normalized", false},
                      {"rstrip", false},    {"single_word", false}, {"special", true}};
}

Json replace_rule(const char* from, const char* to) {
  return Json::Object{{"type", "Replace"}, {"pattern", Json::Object{{"String", from}}}, {"content", to}};
}

/// The model in the terms of the `tokenizers` library.
Json tokenizer_json(const sentencepiece::SentencePieceProcessor& model, const std::vector<std::string>& special_tokens) {
  Json added = Json::array();
  for (const std::string& content : special_tokens) {
    Json token = Json::object();
    token["id"] = model.PieceToId(content);
    const Json settings = added_token(content);
    for (const auto& [key, value] : settings.as_object()) token[key] = value;
    added.push_back(std::move(token));
  }
  Json vocabulary = Json::object();
  for (int id = 0; id < model.GetPieceSize(); ++id) vocabulary.as_object().emplace_back(model.IdToPiece(id), id);

  const auto sequence_item = [](const char* id) { return Json::Object{{"Sequence", Json::Object{{"id", id}, {"type_id", 0}}}}; };
  const Json bos_item = Json::Object{{"SpecialToken", Json::Object{{"id", kBos}, {"type_id", 0}}}};
  const Json bos_ids = Json::Object{{"id", kBos}, {"ids", Json::Array{model.bos_id()}}, {"tokens", Json::Array{kBos}}};
  return Json::Object{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", replace_rule(" ", "\xE2\x96\x81")},
      {"pre_tokenizer", nullptr},
      {"post_processor", Json::Object{{"type", "TemplateProcessing"},
                                      {"single", Json::Array{bos_item, sequence_item("A")}},
                                      {"pair", Json::Array{bos_item, sequence_item("A"), sequence_item("B")}},
                                      {"special_tokens", Json::Object{{kBos, bos_ids}}}}},
      {"decoder", Json::Object{{"type", "Sequence"},
                               {"decoders", Json::Array{replace_rule("\xE2\x96\x81", " "), Json::Object{{"type", "ByteFallback"}},
                                                        Json::Object{{"type", "Fuse"}}}}}},
      {"model", Json::Object{{"type", "BPE"},
                             {"dropout", nullptr},
                             {"unk_token", kUnknown},
                             {"continuing_subword_prefix", nullptr},
                             {"end_of_word_suffix", nullptr},
                             {"fuse_unk", true},
                             {"byte_fallback", true},
                             {"ignore_merges", false},
                             {"vocab", vocabulary},
                             {"merges", merges_of(model, special_tokens)}}},
  };
}

Json tokenizer_config(const sentencepiece::SentencePieceProcessor& model, const std::vector<std::string>& special_tokens,
                      const std::string& eos) {
  Json decoder = Json::object();
  for (const std::string& content : special_tokens) decoder[std::to_string(model.PieceToId(content))] = added_token(content);
  Json extra = Json::array();
  for (std::size_t i = 3; i < special_tokens.size(); ++i) extra.push_back(special_tokens[i]);
  return Json::Object{{"tokenizer_class", "PreTrainedTokenizerFast"},
                      {"bos_token", kBos},
                      {"eos_token", eos},
                      {"unk_token", kUnknown},
                      {"pad_token", kEndOfText},
                      {"additional_special_tokens", extra},
                      {"add_bos_token", true},
                      {"add_eos_token", false},
                      {"clean_up_tokenization_spaces", false},
                      {"added_tokens_decoder", decoder},
                      {"chat_template", kChatTemplate}};
}

}  // namespace

void train_tokenizer(const std::vector<std::string>& lines, const TokenizerTrainingOptions& options, const std::string& dir) {
  const std::string serialized = train_model(lines, options);
  sentencepiece::SentencePieceProcessor model;
  LONGBOW_CHECK(model.LoadFromSerializedProto(serialized).ok());

  std::vector<std::string> special_tokens = {kUnknown, kBos, kEndOfText};
  special_tokens.insert(special_tokens.end(), options.special_tokens.begin(), options.special_tokens.end());
  const bool has_end = std::find(special_tokens.begin(), special_tokens.end(), "<|end|>") != special_tokens.end();
  const std::string eos = has_end ? "<|end|>" : kEndOfText;

  make_directories(dir);
  const auto write = [&](const char* name, const std::string& bytes) { write_file_atomically(dir + '/' + name, bytes); };
  write("tokenizer.model", serialized);
  write("tokenizer.json", tokenizer_json(model, special_tokens).dump(1) + "\n");
  write("tokenizer_config.json", tokenizer_config(model, special_tokens, eos).dump(2) + "\n");
  const Json map = Json::Object{{"bos_token", kBos}, {"eos_token", eos}, {"unk_token", kUnknown}, {"pad_token", kEndOfText}};
  write("special_tokens_map.json", map.dump(2) + "\n");
}

}  // namespace longbow::data
