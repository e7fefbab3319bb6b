// query_load: asks one thing of an HTTP server again and again, and says how long it took.
//
// A client that costs next to nothing, so that on two cores the server is what is measured: plain sockets,
// answers read and thrown away. Each connection has a thread. Prints one line:
//   requests <n> seconds <wall> median_ms <m> bytes <of one answer>
//
// usage: query_load PORT TARGET CONNECTIONS REQUESTS   (TARGET begins with a slash; REQUESTS on each
// connection)
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Seconds = std::chrono::duration<double>;

/// A keep-alive connection. Throws std::runtime_error where the server does not answer with 200.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
      throw std::runtime_error("cannot connect");
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(socket_); }

  /// @return  bytes of the answer's body, as they came
  std::size_t ask(std::string_view request) {
    if (::send(socket_, request.data(), request.size(), 0) != static_cast<ssize_t>(request.size()))
      throw std::runtime_error("cannot send");
    received_.clear();
    std::size_t head = std::string::npos;
    while (head == std::string::npos) {
      receive();
      head = received_.find("\r\n\r\n");
    }
    head += 4;
    if (!received_.starts_with("HTTP/1.1 200")) throw std::runtime_error("the answer is " + received_);
    const std::string_view fields = std::string_view(received_).substr(0, head);
    constexpr std::string_view kLength = "Content-Length: ";
    if (const std::size_t at = fields.find(kLength); at != std::string_view::npos) {
      std::size_t length = 0;
      std::from_chars(fields.data() + at + kLength.size(), fields.data() + fields.size(), length);
      while (received_.size() < head + length) receive();
      return length;
    }
    return read_chunks(head);
  }

 private:
  std::size_t read_chunks(std::size_t at) {
    std::size_t body = 0;
    for (;;) {
      std::size_t end = received_.find("\r\n", at);
      while (end == std::string::npos) {
        receive();
        end = received_.find("\r\n", at);
      }
      std::size_t size = 0;
      std::from_chars(received_.data() + at, received_.data() + end, size, 16);
      at = end + 2 + size + 2;
      while (received_.size() < at) receive();
      if (size == 0) return body;
      body += size;
    }
  }

  void receive() {
    const std::size_t had = received_.size();
    received_.resize(had + kReceive);
    const ssize_t got = ::recv(socket_, received_.data() + had, kReceive, 0);
    if (got <= 0) throw std::runtime_error("the connection ended in an answer");
    received_.resize(had + static_cast<std::size_t>(got));
  }

  static constexpr std::size_t kReceive = std::size_t{256} * 1024;
  int socket_;
  std::string received_;
};

struct Asked {
  std::vector<double> seconds;
  std::size_t bytes = 0;
};

Asked ask_repeatedly(std::uint16_t port, const std::string& target, std::size_t requests) {
  const std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", target, port);
  Connection connection(port);
  Asked asked;
  for (std::size_t i = 0; i < requests; ++i) {
    const auto began = std::chrono::steady_clock::now();
    asked.bytes = connection.ask(request);
    asked.seconds.push_back(Seconds(std::chrono::steady_clock::now() - began).count());
  }
  return asked;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: query_load PORT TARGET CONNECTIONS REQUESTS\n");
    return 2;
  }
  const auto port = static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10));
  const std::string target = argv[2];
  const std::size_t requests = std::strtoul(argv[4], nullptr, 10);
  std::vector<Asked> asked(std::strtoul(argv[3], nullptr, 10));
  std::vector<std::string> faults(asked.size());
  const auto began = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < asked.size(); ++i)
      threads.emplace_back([&, i] {
        try {
          asked[i] = ask_repeatedly(port, target, requests);
        } catch (const std::runtime_error& e) {
          faults[i] = e.what();
        }
      });
  }
  const double wall = Seconds(std::chrono::steady_clock::now() - began).count();
  for (const std::string& fault : faults) {
    if (fault.empty()) continue;
    fmt::print(stderr, "query_load: {}\n", fault);
    return 1;
  }
  std::vector<double> all;
  for (const Asked& one : asked) all.insert(all.end(), one.seconds.begin(), one.seconds.end());
  std::ranges::sort(all);
  fmt::print("requests {} seconds {:.6f} median_ms {:.4f} bytes {}\n", all.size(), wall,
             all[all.size() / 2] * 1000, asked.front().bytes);
}
