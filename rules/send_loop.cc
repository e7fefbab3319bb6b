#include "rules/send_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <boost/json/value.hpp>

#include "net/http_client.h"
#include "net/wake.h"
#include "telemetry/log.h"

namespace narthex::rules {

namespace {

/// An Alertmanager's answer matters by its status only.
constexpr std::uint64_t kMaxAnswerBytes = 1 << 20;
/// An idle loop looks at its queue so often without being woken.
constexpr std::chrono::hours kIdle{1};

std::string json_text(std::string_view text) {
  return boost::json::serialize(boost::json::value(boost::json::string_view(text.data(), text.size())));
}

std::string json_labels(const Labels& labels) {
  std::string out = "{";
  for (const LabelView label : labels) {
    if (out.size() > 1) out += ',';
    out += json_text(label.name);
    out += ':';
    out += json_text(label.value);
  }
  out += '}';
  return out;
}

/// RFC 3339 with exactly three decimals: 2026-02-03T04:05:06.000Z.
std::string json_time(Timestamp t) {
  const auto ms = static_cast<int>((t % 1000 + 1000) % 1000);
  std::string text = format_rfc3339(t - ms);
  text.insert(text.size() - 1, fmt::format(".{:03}", ms));
  return text;
}

}  // namespace

std::string alerts_json(const std::vector<Notification>& alerts) {
  std::string out = "[";
  for (const Notification& alert : alerts) {
    if (out.size() > 1) out += ',';
    out += fmt::format(R"({{"annotations":{},"endsAt":"{}","startsAt":"{}","generatorURL":{},"labels":{}}})",
                       json_labels(alert.annotations), json_time(alert.ends_at), json_time(alert.starts_at),
                       json_text(alert.generator_url), json_labels(alert.labels));
  }
  out += ']';
  return out;
}

SendLoop::SendLoop(boost::asio::any_io_executor executor, std::string url, SendLoopOptions options,
                   const Clock& clock, std::shared_ptr<NotifierMetrics> metrics)
    : url_(std::move(url)),
      options_(std::move(options)),
      clock_(clock),
      metrics_(std::move(metrics), url_),
      wake_(std::make_unique<net::Wake>(std::move(executor))) {}

SendLoop::~SendLoop() = default;

void SendLoop::set_client(std::shared_ptr<net::HttpClient> client, std::chrono::milliseconds timeout) {
  const sync::MutexLock lock(mutex_);
  client_ = std::move(client);
  timeout_ = timeout;
}

void SendLoop::add(const std::vector<Notification>& alerts) {
  {
    const sync::MutexLock lock(mutex_);
    if (stopping_) return;
    queue_.insert(queue_.end(), alerts.begin(), alerts.end());
    const std::size_t excess = queue_.size() - std::min(queue_.size(), options_.queue_capacity);
    if (excess > 0) {
      queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(excess));
      metrics_.dropped(excess);
      telemetry::warn("Alert notification queue full, dropping alerts",
                      {{"alertmanager", url_}, {"count", std::to_string(excess)}});
    }
    metrics_.queue_length(queue_.size());
  }
  wake_->wake();
}

void SendLoop::stop(std::chrono::steady_clock::time_point until) {
  {
    const sync::MutexLock lock(mutex_);
    stopping_ = true;
    drain_until_ = until;
  }
  wake_->wake();
}

bool SendLoop::stopping() const {
  const sync::MutexLock lock(mutex_);
  return stopping_;
}

std::vector<Notification> SendLoop::next_batch() {
  const sync::MutexLock lock(mutex_);
  if (stopping_ && (!options_.drain || std::chrono::steady_clock::now() >= drain_until_)) return {};
  const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.batch_size));
  std::vector<Notification> batch(std::make_move_iterator(queue_.begin()),
                                  std::make_move_iterator(queue_.begin() + count));
  queue_.erase(queue_.begin(), queue_.begin() + count);
  metrics_.queue_length(queue_.size());
  return batch;
}

void SendLoop::drop_rest() {
  const sync::MutexLock lock(mutex_);
  if (queue_.empty()) return;
  telemetry::warn("Alert notification queue not drained on shutdown, dropping alerts",
                  {{"alertmanager", url_}, {"count", std::to_string(queue_.size())}});
  metrics_.dropped(queue_.size());
  queue_.clear();
  metrics_.queue_length(0);
}

net::Awaitable<void> SendLoop::run(std::shared_ptr<SendLoop> self) {
  for (;;) {
    // Before sending: what comes in until stop() is seen is still sent.
    const bool last = self->stopping();
    co_await self->send_queue();
    if (last) break;
    co_await self->wake_->sleep_until(std::chrono::steady_clock::now() + kIdle);
  }
  self->drop_rest();
}

net::Awaitable<void> SendLoop::send_queue() {
  for (auto batch = next_batch(); !batch.empty(); batch = next_batch()) {
    const auto started = clock_.steady();
    const auto sent = co_await send(batch);
    if (sent) {
      metrics_.sent(batch.size(), std::chrono::duration<double>(clock_.steady() - started).count());
      continue;
    }
    telemetry::error(
        "Error sending alerts",
        {{"alertmanager", url_}, {"count", std::to_string(batch.size())}, {"err", sent.error().text}});
    metrics_.failed(batch.size());
    metrics_.dropped(batch.size());
  }
}

net::Awaitable<Result<void>> SendLoop::send(const std::vector<Notification>& batch) {
  net::Request request;
  std::shared_ptr<net::HttpClient> client;
  {
    const sync::MutexLock lock(mutex_);
    client = client_;
    request.timeout = timeout_;
    if (stopping_) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          drain_until_ - std::chrono::steady_clock::now());
      request.timeout = std::clamp(left, std::chrono::milliseconds(1), timeout_);
    }
  }
  request.method = "POST";
  request.url = url_;
  request.headers = {{"User-Agent", options_.user_agent}, {"Content-Type", "application/json"}};
  request.body = alerts_json(batch);
  request.max_body_bytes = kMaxAnswerBytes;
  const auto answer = co_await client->send(std::move(request));
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status / 100 != 2) {
    co_return fail(Code::unavailable, fmt::format("bad response status {}", answer->status));
  }
  co_return Result<void>{};
}

}  // namespace narthex::rules
