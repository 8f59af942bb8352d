#include "rewards/http_post.h"

#include <curl/curl.h>

#include <algorithm>
#include <map>

#include "core/errors.h"

namespace longbow::rewards {
namespace {

struct EasyDeleter {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct HeadersDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// libcurl calls this with what has come in; taking less than all of it ends the transfer.
std::size_t append_reply(char* data, std::size_t size, std::size_t count, void* reply) {
  std::string& body = static_cast<HttpReply*>(reply)->body;
  if (body.size() + size * count > HttpPoster::kMaxReplyBytes) return 0;
  body.append(data, size * count);
  return size * count;
}

bool is_this_machine(const std::string& url) {
  const std::string host = url.substr(url.find("//") + 2);
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

void start_curl() {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  LONGBOW_CHECK_EQ(static_cast<int>(started), 0);
}

}  // namespace

struct HttpPoster::State {
  struct Transfer {
    std::size_t id;
    std::string body;
    HttpReply reply;
    std::unique_ptr<CURL, EasyDeleter> handle;
  };

  std::string url;
  std::unique_ptr<curl_slist, HeadersDeleter> headers;
  std::int64_t timeout_ms = 0;
  CURLM* multi = nullptr;
  std::map<CURL*, std::unique_ptr<Transfer>> active;

  void abandon() {
    for (const auto& [handle, transfer] : active) curl_multi_remove_handle(multi, handle);
    active.clear();
  }
  ~State() {
    abandon();
    curl_multi_cleanup(multi);
  }
};

HttpPoster::HttpPoster(std::string url, std::vector<std::string> headers, std::int64_t timeout_ms) : state_(std::make_unique<State>()) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    throw UserError(concat("URL: expected http://… or https://…, got \"", url, "\""));
  }
  start_curl();
  state_->url = std::move(url);
  state_->timeout_ms = timeout_ms;
  headers.emplace_back("Content-Type: application/json");
  headers.emplace_back("Expect:");  // no round trip before a large body
  for (const std::string& header : headers) {
    state_->headers.reset(curl_slist_append(state_->headers.release(), header.c_str()));
  }
  state_->multi = curl_multi_init();
  LONGBOW_CHECK(state_->multi != nullptr);
}

HttpPoster::~HttpPoster() = default;

void HttpPoster::start(std::size_t id, std::string body) {
  auto transfer = std::make_unique<State::Transfer>();
  transfer->id = id;
  transfer->body = std::move(body);
  transfer->handle.reset(curl_easy_init());
  CURL* handle = transfer->handle.get();
  LONGBOW_CHECK(handle != nullptr);
  curl_easy_setopt(handle, CURLOPT_URL, state_->url.c_str());
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, state_->headers.get());
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, transfer->body.c_str());
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer->body.size()));
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, static_cast<long>(state_->timeout_ms));
  curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
  if (is_this_machine(state_->url)) curl_easy_setopt(handle, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, append_reply);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer->reply);
  LONGBOW_CHECK_EQ(static_cast<int>(curl_multi_add_handle(state_->multi, handle)), 0);
  state_->active.emplace(handle, std::move(transfer));
}

std::size_t HttpPoster::num_active() const { return state_->active.size(); }
void HttpPoster::abandon() { state_->abandon(); }

std::vector<std::pair<std::size_t, HttpReply>> HttpPoster::wait(double seconds) {
  int running = 0;
  LONGBOW_CHECK_EQ(static_cast<int>(curl_multi_perform(state_->multi, &running)), 0);
  if (static_cast<std::size_t>(running) == state_->active.size()) {  // none has ended yet
    curl_multi_poll(state_->multi, nullptr, 0, static_cast<int>(1000 * std::clamp(seconds, 0.0, 3600.0)), nullptr);
    LONGBOW_CHECK_EQ(static_cast<int>(curl_multi_perform(state_->multi, &running)), 0);
  }
  std::vector<std::pair<std::size_t, HttpReply>> replies;
  int waiting = 0;
  while (const CURLMsg* message = curl_multi_info_read(state_->multi, &waiting)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* handle = message->easy_handle;
    const CURLcode code = message->data.result;
    auto node = state_->active.extract(handle);
    HttpReply reply = std::move(node.mapped()->reply);
    if (code == CURLE_OK) {
      long status = 0;
      curl_off_t retry_after = 0;
      curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
      curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &retry_after);
      reply.status = static_cast<int>(status);
      reply.retry_after_seconds = static_cast<double>(retry_after);
    } else {
      reply.problem = code == CURLE_WRITE_ERROR ? concat("a reply of more than ", kMaxReplyBytes, " bytes") : curl_easy_strerror(code);
    }
    curl_multi_remove_handle(state_->multi, handle);
    replies.emplace_back(node.mapped()->id, std::move(reply));
  }
  return replies;
}

}  // namespace longbow::rewards
