// `longbow generate`: completions of prompts by a checkpoint; JSONL in, JSONL out, or text on a terminal.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "core/errors.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "data/chat_template.h"
#include "data/protocol.h"
#include "data/tokenizer.h"
#include "kernels/dtype.h"
#include "model/weights.h"
#include "rollout/engine.h"
#include "tools/command_options.h"
#include "tools/commands.h"
#include "tools/json_lines.h"
#include "tools/request_fields.h"

namespace longbow::tools {
namespace {

constexpr std::int64_t kPrefillChunk = 512;

struct GenerateOptions {
  std::string model_dir;
  std::string prompt;        // one prompt's text …
  bool chat = false;         // … as a user's message through the chat template
  std::string prompts_path;  // or a file of prompts; "-": standard input
  data::SamplingParams sampling;
  std::int32_t num_samples = 1;
  std::vector<std::string> stops;
  kernels::DType dtype = kernels::DType::f32;
  int num_threads = 0;
  std::int64_t concurrent_prompts = 4;
  std::int64_t kv_budget_mib = 0;  // 0: half of the machine's memory
  bool skip_bad_lines = false;
  bool stream = false;  // print the only completion's text as it comes, instead of JSON
};

model::PackedModel load_packed(ThreadPool& pool, const std::string& dir, const model::ModelConfig& config,
                               const model::ParameterLayout& layout, kernels::DType dtype) {
  const model::Weights weights = model::load_weights(dir, config, layout);  // the f32 values are needed for the packing alone
  return model::PackedModel(pool, config, layout, weights.values.data(), dtype);
}

std::int64_t kv_budget_bytes(std::int64_t mib) {
  return mib > 0 ? mib << 20 : static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE) / 2;
}

/// What a model writes is shown, never obeyed.
bool steers_terminal(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f; }

/// The length of `text` that can be shown while more may follow: without the beginning of a stop string that its end may be.
std::size_t settled_length(std::string_view text, const std::vector<std::string>& stops) {
  std::size_t settled = text.size();
  for (const std::string& stop : stops) {
    for (std::size_t length = std::min(stop.size() - 1, text.size()); length > 0; --length) {
      if (text.ends_with(std::string_view(stop).substr(0, length))) {
        settled = std::min(settled, text.size() - length);
        break;
      }
    }
  }
  return settled;
}

class Generation {
 public:
  Generation(const GenerateOptions& options, std::ostream& out)
      : options_(options),
        out_(out),
        pool_(options.num_threads),
        config_(model::read_model_config(options.model_dir)),
        layout_(config_),
        packed_(load_packed(pool_, options.model_dir, config_, layout_, options.dtype)),
        engine_(pool_, packed_, {options.concurrent_prompts, kPrefillChunk, kv_budget_bytes(options.kv_budget_mib)}) {
    // Prompts of token ids are served without a tokenizer; their completions then have no text.
    if (std::filesystem::exists(std::filesystem::path(options.model_dir) / "tokenizer.model")) tokenizer_.emplace(options.model_dir);
    sampling_ = options.sampling;
    for (const int token : config_.eos_token_ids) sampling_.stop_token_ids.push_back(token);
    if (tokenizer_ && tokenizer_->eos_id() >= 0) sampling_.stop_token_ids.push_back(tokenizer_->eos_id());
    for (const std::string& stop : options.stops) {
      if (stop.empty()) throw UserError("generate: expected --stop with a text, got an empty one");
      if (!tokenizer_) throw UserError(concat("generate: --stop needs a tokenizer, expected ", options.model_dir, "/tokenizer.model"));
      const std::int32_t piece = tokenizer_->piece_id(stop);
      // A special token never shows in the text, so it stops by its id.
      if (piece >= 0 && tokenizer_->decode({piece}).empty()) sampling_.stop_token_ids.push_back(piece);
      longest_stop_ = std::max(longest_stop_, stop.size());
    }
  }

  void run_single() {
    Json request = Json::object();
    if (options_.chat) {
      Json message = Json::object();
      message["role"] = "user";
      message["content"] = options_.prompt;
      request["messages"].push_back(std::move(message));
    } else {
      request["text"] = options_.prompt;
    }
    submit(request);
    finish_all();
  }

  void run_file() {
    JsonLines lines(options_.prompts_path, options_.skip_bad_lines);
    while (!interrupted() && submit_next(lines)) {
      while (engine_.num_groups() > options_.concurrent_prompts) step();  // one prompt waits, so that a slot is never empty
    }
    finish_all();
  }

 private:
  void finish_all() {
    while (!engine_.is_idle()) step();
  }

  bool submit_next(JsonLines& lines) {
    try {
      return lines.next([this](const Json& request) { submit(request); });
    } catch (const UserError&) {
      finish_all();  // the prompts before the bad line are answered
      throw;
    }
  }

  void submit(const Json& request) {
    rollout::GroupRequest group;
    group.lease_id = next_prompt_;
    group.prompt.prompt_idx = static_cast<std::int64_t>(next_prompt_);
    group.prompt.tokens = prompt_tokens(request);
    group.group_size = options_.num_samples;
    group.sampling = sampling_;
    if (!options_.stops.empty() || options_.stream) {
      group.on_token = [this](std::int64_t, std::span<const std::int32_t> tokens) { return on_token(tokens); };
    }
    engine_.submit(std::move(group));
    const Json* id = request.find("id");
    ids_[next_prompt_++] = id ? std::optional<Json>(*id) : std::nullopt;
  }

  std::vector<std::int32_t> prompt_tokens(const Json& request) {
    if (request.find("tokens") != nullptr) return token_ids(request, config_.vocab_size);
    const Json* text = request.find("text");
    const Json* messages = request.find("messages");
    if (!text && !messages) throw UserError("expected a line with \"text\", \"tokens\" or \"messages\", got none of them");
    if (!tokenizer_) tokenizer_.emplace(options_.model_dir);  // throws, and says what it looked for
    if (text) {
      const Json* special = request.find("add_special_tokens");
      return tokenizer_->encode(text_member(request, "text"), special && special->as_bool());
    }
    messages->as_array();
    if (!chat_template_) chat_template_.emplace(data::ChatTemplate::load(options_.model_dir));
    Json variables = request;
    if (!variables.find("add_generation_prompt")) variables["add_generation_prompt"] = true;
    return tokenizer_->encode(chat_template_->render(variables));
  }

  bool on_token(std::span<const std::int32_t> tokens) {
    if (options_.stream) stream(tokens);
    if (options_.stops.empty()) return false;
    // A stop string of n bytes ends in the last n tokens at the latest; a few more cover pieces that print nothing.
    const std::string tail = tokenizer_->decode({tokens.end() - std::min(tokens.size(), longest_stop_ + 8), tokens.end()});
    return std::any_of(options_.stops.begin(), options_.stops.end(),
                       [&](const std::string& stop) { return tail.find(stop) != std::string::npos; });
  }

  /// The completion's text, which ends before the first stop string.
  std::string text_of(std::span<const std::int32_t> tokens) const {
    return before_stop(tokenizer_->decode({tokens.begin(), tokens.end()}));
  }

  std::string before_stop(std::string text) const {
    for (const std::string& stop : options_.stops) text.resize(std::min(text.size(), text.find(stop)));
    return text;
  }

  /// Shows what is new in the only completion's text. No stop string begins in what is shown already.
  void stream(std::span<const std::int32_t> tokens) {
    if (!decoder_) decoder_.emplace(*tokenizer_);
    for (; streamed_tokens_ < tokens.size(); ++streamed_tokens_) decoder_->add(tokens[streamed_tokens_]);
    const std::string rest = decoder_->text().substr(shown_bytes_), text = before_stop(rest);
    show(std::string_view(text).substr(0, text.size() < rest.size() ? text.size() : settled_length(text, options_.stops)));
  }

  void show(std::string_view text) {
    for (const char c : text) out_ << (steers_terminal(c) ? ' ' : c);
    out_ << std::flush;
    shown_bytes_ += text.size();
  }

  void step() {
    if (interrupted()) {
      for (const std::uint64_t id : engine_.lease_ids()) engine_.abort(id);
    }
    for (rollout::FinishedGroup& finished : engine_.step()) done_[finished.group.lease_id] = std::move(finished);
    for (; !done_.empty() && done_.begin()->first == next_answer_; ++next_answer_) {
      answer(done_.begin()->second);
      done_.erase(done_.begin());
    }
  }

  void answer(const rollout::FinishedGroup& finished) {
    if (options_.stream) {
      finish_stream(finished);
    } else {
      Json result = Json::object();
      if (const auto& id = ids_.at(finished.group.lease_id)) result["id"] = *id;
      result["prompt_tokens"] = static_cast<std::int64_t>(finished.group.prompt.tokens.size());
      Json& completions = result["completions"] = Json::array();
      for (const data::Completion& completion : finished.group.completions) completions.push_back(to_json(completion));
      Json& timing = result["timing"] = Json::object();
      timing["prefill_ms"] = finished.prefill_ms;
      timing["decode_ms"] = finished.decode_ms;
      out_ << result.dump() << "\n" << std::flush;
    }
    if (!out_) throw UserError("generate: cannot write the output: the disk is full or the reader is gone");
    ids_.erase(finished.group.lease_id);
  }

  Json to_json(const data::Completion& completion) const {
    Json json = Json::object();
    Json& tokens = json["tokens"] = Json::array();
    for (const std::int32_t token : completion.tokens) tokens.push_back(token);
    Json& logprobs = json["logprobs"] = Json::array();
    for (const float logprob : completion.rollout_logprobs) logprobs.push_back(static_cast<double>(logprob));
    json["text"] = tokenizer_ ? Json(text_of(completion.tokens)) : Json();
    json["finish_reason"] = data::name_of(completion.finish_reason);
    return json;
  }

  void finish_stream(const rollout::FinishedGroup& finished) {
    const data::Completion& completion = finished.group.completions.front();
    const std::string text = text_of(completion.tokens);
    show(std::string_view(text).substr(std::min(shown_bytes_, text.size())));
    out_ << "\n" << std::flush;
    const auto rate = [](std::size_t tokens, double ms) {
      std::ostringstream text;
      text << tokens << " tokens in " << std::fixed << std::setprecision(0) << ms << " ms";
      if (ms > 0) text << " (" << static_cast<double>(tokens) * 1000 / ms << " tok/s)";
      return text.str();
    };
    log_info(concat("prompt: ", rate(finished.group.prompt.tokens.size(), finished.prefill_ms), "; completion: ",
                    rate(completion.tokens.size(), finished.decode_ms), ", ended by ", data::name_of(completion.finish_reason)));
  }

  const GenerateOptions& options_;
  std::ostream& out_;
  ThreadPool pool_;
  model::ModelConfig config_;
  model::ParameterLayout layout_;
  model::PackedModel packed_;
  rollout::Engine engine_;
  std::optional<data::Tokenizer> tokenizer_;
  std::optional<data::ChatTemplate> chat_template_;
  data::SamplingParams sampling_;
  std::size_t longest_stop_ = 0;
  std::optional<data::StreamDecoder> decoder_;  // of the completion that is streamed
  std::size_t streamed_tokens_ = 0;
  std::size_t shown_bytes_ = 0;
  std::uint64_t next_prompt_ = 0;
  std::uint64_t next_answer_ = 0;
  std::map<std::uint64_t, std::optional<Json>> ids_;      // of prompts in work
  std::map<std::uint64_t, rollout::FinishedGroup> done_;  // finished before their turn
};

/// One JSON object a prompt, in the order of the prompts. Ctrl-C ends what runs with finish_reason abort.
void run_generate(const GenerateOptions& options, std::ostream& out) {
  catch_interrupts();
  Generation generation(options, out);
  if (options.prompts_path.empty()) {
    generation.run_single();
  } else {
    generation.run_file();
  }
}

}  // namespace

void add_generate_command(CLI::App& app) {
  auto options = std::make_shared<GenerateOptions>();
  auto json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("generate", "Completions of prompts by a checkpoint: text on a terminal, JSON otherwise");
  command->add_option("--model", options->model_dir, "Checkpoint directory")->required();
  CLI::Option* prompt = command->add_option("--prompt", options->prompt, "One prompt's text");
  CLI::Option* prompts = command->add_option("--prompts", options->prompts_path,
                                             "Instead of it: JSONL of {\"text\"}, {\"tokens\"} or {\"messages\"}; - is standard input");
  prompts->excludes(prompt);
  command->add_flag("--chat", options->chat, "Take --prompt as a user's message through the chat template")->needs(prompt);
  command->add_option("--max-completion-tokens", options->sampling.max_completion_tokens, "Completions end here at the latest")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  command->add_option("--temperature", options->sampling.temperature, "Sampling temperature; 0 is greedy")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command->add_option("--top-p", options->sampling.top_p, "Smallest set of tokens with this probability; 1 is off")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--top-k", options->sampling.top_k, "The likeliest K tokens; 0 is off")->check(CLI::Range(0, 1 << 30));
  command->add_option("--min-p", options->sampling.min_p, "Tokens at least this likely relative to the likeliest; 0 is off")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--num-samples", options->num_samples, "Completions a prompt; they share its prefill")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  add_seed_option(*command, options->sampling.seed);
  command->add_option("--stop", options->stops, "A completion ends before this text; may be given several times")->allow_extra_args(false);
  command
      ->add_option_function<std::string>(
          "--dtype",
          [options](const std::string& name) { options->dtype = name == "bfloat16" ? kernels::DType::bf16 : kernels::DType::f32; },
          "Compute in float32 (default) or bfloat16")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  add_threads_option(*command, options->num_threads);
  command->add_option("--concurrent-prompts", options->concurrent_prompts, "Prompts of a file decoded at once")
      ->check(CLI::Range(1, 1024))
      ->needs(prompts)
      ->capture_default_str();
  command->add_option("--kv-budget-mib", options->kv_budget_mib, "Memory for keys and values (default: half of the machine's)")
      ->check(CLI::Range(1, 1 << 30));
  command->add_flag("--skip-bad-lines", options->skip_bad_lines, "Report bad lines on standard error and go on")->needs(prompts);
  command->add_flag("--json", *json, "Print JSON on a terminal too");
  command->callback([options, json, prompt, prompts] {
    if (prompt->empty() && prompts->empty()) throw UserError("generate: expected --prompt or --prompts, got neither");
    options->stream = prompts->empty() && options->num_samples == 1 && !*json && ::isatty(STDOUT_FILENO) == 1;
    run_generate(*options, std::cout);
  });
}

}  // namespace longbow::tools
