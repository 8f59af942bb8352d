#include "tools/pass_band.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <unordered_map>
#include <utility>

#include "core/errors.h"
#include "core/interrupt.h"
#include "core/json.h"
#include "core/thread_pool.h"
#include "rewards/http_post.h"
#include "tools/evaluation.h"

namespace longbow::tools {
namespace {

constexpr std::size_t kConcurrentRequests = 16;
constexpr int kTries = 4;
constexpr std::int64_t kTimeoutMs = 600'000;  // a long prompt on a busy server

bool is_url(const std::string& model) { return model.starts_with("http://") || model.starts_with("https://"); }

double share_right(const std::vector<double>& scores) {
  double right = 0;
  for (const double score : scores) right += score >= 1 ? 1 : 0;
  return right / static_cast<double>(scores.size());
}

std::vector<double> rates_of_checkpoint(ThreadPool& pool, const PassBandOptions& options, const std::vector<data::Item>& items) {
  EvaluationOptions evaluation;
  evaluation.model_dir = options.model;
  evaluation.num_samples = options.num_samples;
  evaluation.temperature = options.temperature;
  evaluation.max_completion_tokens = options.max_completion_tokens;
  evaluation.seed = options.seed;
  std::unordered_map<std::string, double> rates;
  evaluate(pool, items, evaluation, [&](const ItemScore& score) {
    std::vector<double> scores;
    for (const ScoredAnswer& answer : score.samples) scores.push_back(answer.score);
    rates[score.id] = share_right(scores);
  });
  if (interrupted()) throw Interrupted("data build: interrupted; finished files are kept", "the same command goes on from them");
  std::vector<double> in_order;
  for (const data::Item& item : items) in_order.push_back(rates.at(item.id));
  return in_order;
}

class Server {
 public:
  Server(const PassBandOptions& options, data::CompletionScorer score)
      : options_(options), score_(std::move(score)), poster_(options.model + "/chat/completions", headers(), kTimeoutMs) {}

  std::vector<double> rates(const std::vector<data::Item>& items) {
    const auto per_item = static_cast<std::size_t>(options_.num_samples);
    std::vector<std::vector<double>> scores(items.size());
    std::vector<int> tries(items.size() * per_item, 0);
    std::deque<std::size_t> waiting;  // sample `id % per_item` of item `id / per_item`
    for (std::size_t id = 0; id < tries.size(); ++id) waiting.push_back(id);
    while (!waiting.empty() || poster_.num_active() > 0) {
      if (interrupted()) throw Interrupted("data build: interrupted; finished files are kept", "the same command goes on from them");
      while (!waiting.empty() && poster_.num_active() < kConcurrentRequests) {
        const std::size_t id = waiting.front();
        waiting.pop_front();
        ++tries[id];
        poster_.start(id, request(items[id / per_item], id % per_item));
      }
      for (const auto& [id, reply] : poster_.wait(1)) {
        const data::Item& item = items[id / per_item];
        if (const std::optional<std::string> text = completion_of(reply)) {
          scores[id / per_item].push_back(score_(item, *text));
        } else if (tries[id] < kTries) {
          std::this_thread::sleep_for(std::chrono::duration<double>(std::max(0.2, std::min(30.0, reply.retry_after_seconds))));
          waiting.push_back(id);
        } else {
          throw UserError(concat("pass band: expected a completion of item ", item.id, ", got ",
                                 reply.status == 0 ? reply.problem : concat("status ", reply.status, ": ", reply.body.substr(0, 200)), " (",
                                 options_.model, ")"));
        }
      }
    }
    std::vector<double> rates;
    for (const std::vector<double>& one : scores) rates.push_back(share_right(one));
    return rates;
  }

 private:
  static std::vector<std::string> headers() {
    std::vector<std::string> headers = {"Content-Type: application/json"};
    if (const char* key = std::getenv("LONGBOW_PASS_BAND_API_KEY")) headers.push_back(concat("Authorization: Bearer ", key));
    return headers;
  }

  std::string request(const data::Item& item, std::size_t sample) const {
    Json body = Json::object();
    body["model"] = options_.served_model;
    for (const data::Message& message : item.messages) {
      Json one = Json::object();
      one["role"] = message.role;
      one["content"] = message.content;
      body["messages"].push_back(std::move(one));
    }
    body["temperature"] = static_cast<double>(options_.temperature);
    body["max_tokens"] = options_.max_completion_tokens;
    body["seed"] = static_cast<std::int64_t>((options_.seed + sample) & 0x7FFFFFFF);
    return body.dump();
  }

  static std::optional<std::string> completion_of(const rewards::HttpReply& reply) {
    if (reply.status != 200) return std::nullopt;
    try {
      const Json body = parse_json(reply.body, "reply");
      return body.at("choices").as_array().at(0).at("message").at("content").as_string();
    } catch (const std::exception&) {  // no JSON, or not of this form: as good as no reply
      return std::nullopt;
    }
  }

  PassBandOptions options_;
  data::CompletionScorer score_;
  rewards::HttpPoster poster_;
};

}  // namespace

data::PassRates make_pass_rates(const PassBandOptions& options, data::CompletionScorer score) {
  if (is_url(options.model)) {
    if (options.served_model.empty()) {
      throw UserError(concat("pass band: expected the model's name at the server, got none (", options.model, ")"),
                      "name it with --pass-band-model");
    }
    auto server = std::make_shared<Server>(options, std::move(score));
    return [server](const std::vector<data::Item>& items) { return server->rates(items); };
  }
  auto pool = std::make_shared<ThreadPool>(options.num_threads);
  return [pool, options](const std::vector<data::Item>& items) { return rates_of_checkpoint(*pool, options, items); };
}

std::string pass_band_name(const PassBandOptions& options) {
  return concat("pass band ", options.model, " ", options.served_model, " ", options.num_samples, " ", options.temperature, " ",
                options.max_completion_tokens, " ", options.seed);
}

}  // namespace longbow::tools
