// FakeServer: an HTTP/1.1 server on 127.0.0.1 that answers as the test says.
//
// Every request is handed to `answer`, whose text is sent as it is: whole headers, right or
// wrong. `close` after it ends the connection; `hold` answers nothing at all.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace narthex::test {

struct FakeAnswer {
  // Not an aggregate: in tables of those, GCC 12 warns of bytes it thinks uninitialized.
  FakeAnswer(std::string text, bool then_close = false, bool no_answer = false)
      : bytes(std::move(text)), close(then_close), hold(no_answer) {}

  std::string bytes;
  bool close;
  bool hold;
};

/// `HTTP/1.1 200 OK` with Content-Length and these extra header lines (each ends in \r\n).
std::string http_ok(const std::string& body, const std::string& headers = "");

class FakeServer {
 public:
  using Answer = std::function<FakeAnswer(const std::string& request)>;

  FakeServer(boost::asio::any_io_executor executor, Answer answer,
             std::shared_ptr<boost::asio::ssl::context> tls = nullptr);
  ~FakeServer();

  [[nodiscard]] std::uint16_t port() const;
  /// `http://127.0.0.1:PORT` + path
  [[nodiscard]] std::string url(const std::string& path = "/") const;
  /// Each request as received, in order. Read it when the context is not running.
  [[nodiscard]] const std::vector<std::string>& requests() const;
  [[nodiscard]] int connections() const;
  /// Stops listening and closes every connection.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace narthex::test
