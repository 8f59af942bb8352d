// Encoding and decoding. The sentencepiece library segments plain text; this file splits special tokens off first, as Hugging
// Face does, and decodes by itself, because transformers and sentencepiece differ on broken bytes (see end_byte_run).
#include "data/tokenizer.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "core/errors.h"
#include "core/json.h"
#include "core/line_reader.h"

namespace longbow::data {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, how sentencepiece writes a space inside pieces
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// What decoding needs to know of one id.
struct Piece {
  std::string text;  // with spaces, not marks
  int byte = -1;     // value of a byte piece
  bool special = false;
};

std::string with_spaces(std::string_view piece) {
  std::string text;
  for (std::size_t i = 0; i < piece.size();) {
    if (piece.substr(i, kSpaceMark.size()) == kSpaceMark) {
      text.push_back(' ');
      i += kSpaceMark.size();
    } else {
      text.push_back(piece[i++]);
    }
  }
  return text;
}

bool is_valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t length = 1;
    unsigned char low = 0x80, high = 0xBF;  // bounds of the second byte: no overlong forms, surrogates, or > U+10FFFF
    if (lead < 0x80) {
      length = 1;
    } else if (lead >= 0xC2 && lead <= 0xDF) {
      length = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      length = 3;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      length = 4;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return false;
    }
    if (i + length > text.size()) return false;
    for (std::size_t k = 1; k < length; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if (byte < low || byte > high) return false;
      low = 0x80;
      high = 0xBF;
    }
    i += length;
  }
  return true;
}

constexpr std::size_t kMaxModelBytes = std::size_t{256} << 20;  // fifty times the largest in use

/// A token setting is a string, or an object with `content`; null and absence mean none.
std::optional<std::string> token_setting(const Json& config, std::string_view key) {
  const Json* value = config.find(key);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_object()) return value->at("content").as_string();
  return value->as_string();
}

}  // namespace

struct Tokenizer::State {
  sentencepiece::SentencePieceProcessor model;
  std::vector<Piece> pieces;
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Added = std::unordered_map<std::string, std::int32_t, TextHash, std::equal_to<>>;
  Added added;                             // tokens that text may name
  std::vector<std::size_t> added_lengths;  // theirs, longest first
  std::array<bool, 256> starts_added{};
  std::array<std::int32_t, 256> byte_ids{};
  std::int32_t bos = -1, eos = -1, pad = -1;
  bool words_apart = true;    // no piece holds a space after something else: words can be segmented one by one
  bool dummy_prefix = false;  // the model puts a space before text (Llama-2), which decoding takes back

  void read_pieces();
  bool keeps_spaces() const;
  void read_config(const Json& config);
  void finish_added();
  void add(const std::string& content, std::int32_t id, bool special);
  std::int32_t find(std::string_view piece) const;
  std::int32_t find_setting(const Json& config, std::string_view key, std::int32_t otherwise) const;
  using WordPlaces = std::unordered_map<std::string_view, std::pair<std::size_t, std::size_t>>;  // first index and count in `ids`
  void encode_whole(std::string_view text, std::vector<std::int32_t>& ids) const;
  void encode_words(std::string_view text, WordPlaces& places, std::vector<std::int32_t>& ids) const;
  void encode_plain(std::string_view text, WordPlaces& places, std::vector<std::int32_t>& ids) const;
  const Added::value_type* added_at(std::string_view text, std::size_t at) const;
};

void Tokenizer::State::read_pieces() {
  byte_ids.fill(-1);
  pieces.resize(static_cast<std::size_t>(model.GetPieceSize()));
  for (int id = 0; id < model.GetPieceSize(); ++id) {
    Piece& piece = pieces[static_cast<std::size_t>(id)];
    const std::string& text = model.IdToPiece(id);
    piece.text = with_spaces(text);
    if (model.IsByte(id)) {
      piece.byte = std::stoi(text.substr(3, 2), nullptr, 16);  // "<0xAB>"
      byte_ids[static_cast<std::size_t>(piece.byte)] = id;
    } else if (model.IsControl(id) || model.IsUnknown(id)) {
      add(text, id, true);
    }
    const std::size_t word = piece.text.find_first_not_of(' ');
    if (word != std::string::npos && piece.text.find(' ', word) != std::string::npos) words_apart = false;
  }
  std::vector<int> ids;
  if (const auto status = model.Encode("a", &ids); !status.ok()) throw UserError(concat("tokenizer: ", status.ToString()));
  dummy_prefix = !ids.empty() && pieces[static_cast<std::size_t>(ids.front())].text.starts_with(' ');
  words_apart = words_apart && !dummy_prefix && keeps_spaces();
  bos = model.bos_id();
}

bool Tokenizer::State::keeps_spaces() const {
  std::vector<std::int32_t> ids;
  encode_whole("a  b ", ids);
  std::string text;
  for (const std::int32_t id : ids) text += pieces[static_cast<std::size_t>(id)].text;
  return text == "a  b ";
}

void Tokenizer::State::add(const std::string& content, std::int32_t id, bool special) {
  if (content.empty() || id < 0) return;
  if (static_cast<std::size_t>(id) >= pieces.size()) pieces.resize(static_cast<std::size_t>(id) + 1);
  Piece& piece = pieces[static_cast<std::size_t>(id)];
  piece.text = content;
  piece.special = piece.special || special;
  added.emplace(content, id);
}

void Tokenizer::State::read_config(const Json& config) {
  if (const Json* tokens = config.find("added_tokens_decoder"); tokens != nullptr) {
    for (const auto& [key, token] : tokens->as_object()) {
      const int id = std::stoi(key);
      const Json* special = token.find("special");
      if (id < 0 || id > (1 << 22)) throw UserError(concat("added_tokens_decoder: expected an id below 4194304, got ", key));
      add(token.at("content").as_string(), id, special != nullptr && special->as_bool());
    }
  }
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    const Json* tokens = config.find(key);
    if (tokens == nullptr || !tokens->is_array()) continue;
    for (const Json& token : tokens->as_array()) {
      const std::string& content = token.is_object() ? token.at("content").as_string() : token.as_string();
      add(content, find(content), true);
    }
  }
  bos = find_setting(config, "bos_token", bos);
  eos = find_setting(config, "eos_token", -1);
  pad = find_setting(config, "pad_token", -1);
}

std::int32_t Tokenizer::State::find_setting(const Json& config, std::string_view key, std::int32_t otherwise) const {
  const auto content = token_setting(config, key);
  if (!content) return otherwise;
  const std::int32_t id = find(*content);
  if (id < 0) throw UserError(concat(key, ": expected a token of the vocabulary, got '", *content, "'"));
  return id;
}

void Tokenizer::State::finish_added() {
  if (eos < 0) eos = find("<|end|>");
  if (eos < 0) eos = model.eos_id();
  if (pad < 0) pad = model.pad_id();
  if (pad < 0) pad = model.eos_id();
  for (const std::int32_t id : {bos, eos, pad}) {
    if (id >= 0) add(pieces[static_cast<std::size_t>(id)].text, id, true);
  }
  std::set<std::size_t, std::greater<>> lengths;
  for (const auto& [content, id] : added) {
    lengths.insert(content.size());
    starts_added[static_cast<unsigned char>(content.front())] = true;
  }
  added_lengths.assign(lengths.begin(), lengths.end());
}

std::int32_t Tokenizer::State::find(std::string_view piece) const {
  if (const auto found = added.find(piece); found != added.end()) return found->second;
  const int id = model.PieceToId(piece);
  return id >= 0 && id < model.GetPieceSize() && model.IdToPiece(id) == piece ? id : -1;
}

const Tokenizer::State::Added::value_type* Tokenizer::State::added_at(std::string_view text, std::size_t at) const {
  if (!starts_added[static_cast<unsigned char>(text[at])]) return nullptr;
  for (const std::size_t length : added_lengths) {
    if (length > text.size() - at) continue;
    if (const auto found = added.find(text.substr(at, length)); found != added.end()) return &*found;
  }
  return nullptr;
}

void Tokenizer::State::encode_whole(std::string_view text, std::vector<std::int32_t>& ids) const {
  std::vector<int> found;
  if (const auto status = model.Encode(text, &found); !status.ok()) throw UserError(concat("tokenizer: ", status.ToString()));
  ids.insert(ids.end(), found.begin(), found.end());
}

/// Segments word by word where no piece crosses a word's start: the same ids as the whole text at once, and a word met before
/// in this call is copied from where it stands in `ids`.
void Tokenizer::State::encode_words(std::string_view text, WordPlaces& places, std::vector<std::int32_t>& ids) const {
  for (std::size_t start = 0; start < text.size();) {
    std::size_t end = text.find_first_not_of(' ', start);
    end = end == std::string_view::npos ? text.size() : std::min(text.find(' ', end), text.size());
    const std::string_view word = text.substr(start, end - start);
    const auto [place, is_new] = places.try_emplace(word, ids.size(), 0);
    if (is_new) {
      encode_whole(word, ids);
      place->second.second = ids.size() - place->second.first;
    } else {
      for (std::size_t i = 0; i < place->second.second; ++i) ids.push_back(ids[place->second.first + i]);
    }
    start = end;
  }
}

/// Segments text that names no special token. A literal U+2581 would come back as a space; it goes through its byte pieces.
void Tokenizer::State::encode_plain(std::string_view text, WordPlaces& places, std::vector<std::int32_t>& ids) const {
  const bool has_bytes = byte_ids[0xE2] >= 0 && byte_ids[0x96] >= 0 && byte_ids[0x81] >= 0;
  while (!text.empty()) {
    const std::size_t mark = has_bytes ? text.find(kSpaceMark) : std::string_view::npos;
    if (words_apart) {
      encode_words(text.substr(0, mark), places, ids);
    } else if (mark != 0) {
      encode_whole(text.substr(0, mark), ids);
    }
    if (mark == std::string_view::npos) return;
    for (const char byte : kSpaceMark) ids.push_back(byte_ids[static_cast<unsigned char>(byte)]);
    text.remove_prefix(mark + kSpaceMark.size());
  }
}

Tokenizer::Tokenizer(const std::string& dir) : state_(std::make_unique<State>()) {
  const std::filesystem::path folder(dir);
  const std::string path = (folder / "tokenizer.model").string();
  if (!std::filesystem::exists(path)) {
    if (std::filesystem::exists(folder / "tokenizer.json")) {
      throw UserError(
          concat("tokenizer: expected a sentencepiece model, got only a tokenizer.json: byte-level BPE tokenizers are not supported yet (",
                 path, ")"));
    }
    throw UserError(concat("tokenizer: expected a file tokenizer.model, got none (", path, ")"));
  }
  if (const auto status = state_->model.LoadFromSerializedProto(read_file(path, kMaxModelBytes)); !status.ok()) {
    throw UserError(concat("tokenizer: expected a sentencepiece model, got a file that does not load as one (", path, ")"));
  }
  state_->read_pieces();
  const std::string config_path = (folder / "tokenizer_config.json").string();
  if (std::filesystem::exists(config_path)) {
    try {
      state_->read_config(read_json_file(config_path));
    } catch (const UserError& error) {
      throw UserError(concat(error.what(), " (", config_path, ")"));
    } catch (const std::logic_error&) {  // std::stoi of a key that is no number
      throw UserError(concat("added_tokens_decoder: expected ids as keys (", config_path, ")"));
    }
  }
  state_->finish_added();
}

Tokenizer::~Tokenizer() = default;
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool add_bos) const {
  std::vector<std::int32_t> ids;
  if (add_bos && state_->bos >= 0) ids.push_back(state_->bos);
  State::WordPlaces places;
  std::size_t plain_start = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto* token = state_->added_at(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    state_->encode_plain(text.substr(plain_start, at - plain_start), places, ids);
    ids.push_back(token->second);
    at += token->first.size();
    plain_start = at;
  }
  state_->encode_plain(text.substr(plain_start), places, ids);
  return ids;
}

std::string Tokenizer::decode(const std::vector<std::int32_t>& tokens, bool skip_special_tokens) const {
  StreamDecoder decoder(*this, skip_special_tokens);
  for (const std::int32_t id : tokens) decoder.add(id);
  return std::move(decoder).finish();
}

StreamDecoder::StreamDecoder(const Tokenizer& tokenizer, bool skip_special_tokens)
    : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens), takes_space_(tokenizer.state_->dummy_prefix) {}

void StreamDecoder::add(std::int32_t token) {
  const int size = tokenizer_.vocab_size();
  if (token < 0 || token >= size) throw UserError(concat("decode: expected token ids in [0, ", size, "), got ", token));
  const Piece& piece = tokenizer_.state_->pieces[static_cast<std::size_t>(token)];
  if (piece.special && skip_special_tokens_) return;
  if (piece.byte >= 0) {
    bytes_.push_back(static_cast<char>(piece.byte));
    return;
  }
  end_byte_run();
  append(piece.text);
}

std::string StreamDecoder::finish() && {
  end_byte_run();
  return std::move(text_);
}

void StreamDecoder::append(std::string_view text) {
  if (text.empty()) return;
  if (std::exchange(takes_space_, false) && text.starts_with(' ')) text.remove_prefix(1);
  text_ += text;
}

/// One U+FFFD for each byte of a run that is not wholly valid, the valid ones included: so does transformers.
void StreamDecoder::end_byte_run() {
  if (is_valid_utf8(bytes_)) {
    append(bytes_);
  } else {
    for (std::size_t i = 0; i < bytes_.size(); ++i) append(kReplacement);
  }
  bytes_.clear();
}

std::int32_t Tokenizer::bos_id() const { return state_->bos; }
std::int32_t Tokenizer::eos_id() const { return state_->eos; }
std::int32_t Tokenizer::pad_id() const { return state_->pad; }
bool Tokenizer::words_apart() const {
  const auto holds_space = [](const auto& token) { return token.first.find(' ') != std::string::npos; };
  return state_->words_apart && std::none_of(state_->added.begin(), state_->added.end(), holds_space);
}
int Tokenizer::vocab_size() const { return static_cast<int>(state_->pieces.size()); }
std::int32_t Tokenizer::piece_id(std::string_view piece) const { return state_->find(piece); }

}  // namespace longbow::data
