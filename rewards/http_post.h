// Many HTTP POSTs of JSON to one URL at a time, from one thread (libcurl's multi interface).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace longbow::rewards {

struct HttpReply {
  int status = 0;                  // 0: there was no reply
  std::string body;                // at most kMaxReplyBytes
  std::string problem;             // why there was no reply, in libcurl's words
  double retry_after_seconds = 0;  // what the server asked for; 0 when it asked for nothing
};

class HttpPoster {
 public:
  static constexpr std::size_t kMaxReplyBytes = std::size_t{1} << 20;

  /// `url`: http or https. Throws UserError for another. Redirects are not followed; a proxy of the environment is used unless the host is
  /// this machine.
  HttpPoster(std::string url, std::vector<std::string> headers, std::int64_t timeout_ms);
  ~HttpPoster();

  /// Begins to post `body`; its reply comes under `id`.
  void start(std::size_t id, std::string body);
  std::size_t num_active() const;
  /// Drops what is under way; no reply of it will come.
  void abandon();
  /// The replies that have come in, after waiting for the first of them for at most `seconds`.
  std::vector<std::pair<std::size_t, HttpReply>> wait(double seconds);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longbow::rewards
