// Text to token ids and back, by a sentencepiece model in a checkpoint's directory (tokenizer.model), and its training.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace longbow::data {

class Tokenizer {
 public:
  /// Loads DIR/tokenizer.model and special-token settings of DIR/tokenizer_config.json. Throws UserError: a directory that holds only
  /// a tokenizer.json says that byte-level BPE tokenizers are not supported yet.
  explicit Tokenizer(const std::string& dir);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;

  /// Special tokens in the text (user-defined symbols such as <|user|>) become their ids; no BOS is added unless asked.
  std::vector<std::int32_t> encode(std::string_view text, bool add_bos = false) const;
  std::string decode(const std::vector<std::int32_t>& tokens, bool skip_special_tokens = true) const;
  std::int32_t bos_id() const;
  std::int32_t eos_id() const;  // <|end|>
  std::int32_t pad_id() const;
  int vocab_size() const;
  /// Whether each word with the spaces before it gives the same ids alone as inside a text, so that counts of words add up.
  bool words_apart() const;
  /// Id of one piece, or -1.
  std::int32_t piece_id(std::string_view piece) const;

 private:
  friend class StreamDecoder;
  struct State;
  std::unique_ptr<State> state_;
};

/// Decodes tokens as they come, each once: what is there never changes, and in the end it is what Tokenizer::decode makes of all of them.
/// Byte pieces wait for the end of their run, for only then is it known whether they are characters.
class StreamDecoder {
 public:
  /// `tokenizer` must outlive this.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens = true);

  /// Throws UserError for an id that is none.
  void add(std::int32_t token);
  /// The text so far, without what waits.
  const std::string& text() const { return text_; }
  /// The whole text; nothing may be added any more.
  std::string finish() &&;

 private:
  void append(std::string_view text);
  void end_byte_run();

  const Tokenizer& tokenizer_;
  bool skip_special_tokens_;
  std::string text_;
  std::string bytes_;  // the run of byte pieces that waits
  bool takes_space_;   // the space that the model puts before a text is still to be taken off
};

struct TokenizerTrainingOptions {
  int vocab_size = 2048;
  std::vector<std::string> special_tokens = {"<|user|>", "<|assistant|>", "<|end|>"};
  std::size_t max_lines = 1'000'000;  // of more lines than this, a sample is taken by the seed
  std::uint64_t seed = 0;
  int num_threads = 2;
};

/// Trains a BPE sentencepiece model (digits split, byte fallback, no dummy prefix surprises) on lines of text and writes the tokenizer
/// files of a Hugging Face directory: tokenizer.model, tokenizer.json (the same BPE for transformers), tokenizer_config.json with
/// chat_template, special_tokens_map.json. Equal lines and options give equal bytes. Text decodes to itself, newlines and runs of spaces
/// included.
void train_tokenizer(const std::vector<std::string>& lines, const TokenizerTrainingOptions& options, const std::string& dir);

}  // namespace longbow::data
