#include "scrape/scrape_loop.h"

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "model/value.h"
#include "net/gzip.h"
#include "net/on_pool.h"
#include "scrape/negotiation.h"
#include "scrape/schedule.h"
#include "telemetry/log.h"

namespace narthex::scrape {

namespace {

constexpr std::uint64_t kMaxBodyBytes = 256U << 20U;
/// A page up to this size is read where it arrived: a millisecond, ten if all its series are new.
/// Handing it to another thread costs as much as reading 10 KiB of it, and its bytes are near.
constexpr std::size_t kSmallBytes = 1024 * 1024;
/// By which gzip makes expositions smaller.
constexpr std::size_t kUsualRatio = 10;

std::chrono::steady_clock::time_point in(DurationMs ms) {
  return std::chrono::steady_clock::now() + std::chrono::milliseconds(std::max<DurationMs>(ms, 0));
}

/// How long a scrape that was called waited for its thread, which was busy with others. Its time is
/// that of the call: samples that are off the beat by a few milliseconds cost twice the memory.
/// A wait so long that the time would be wrong does not count.
DurationMs time_in_line(std::chrono::steady_clock::duration waited, DurationMs interval) {
  constexpr DurationMs kPart = 50;
  const DurationMs ms = std::chrono::floor<std::chrono::milliseconds>(waited).count();
  return ms <= std::max<DurationMs>(interval / kPart, 1) ? ms : 0;
}

net::Awaitable<void> sleep(DurationMs ms) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, in(ms));
  co_await timer.async_wait(boost::asio::use_awaitable);
}

/// For those whom nobody wakes when it opens: loops that have ended.
net::Awaitable<storage::Appendable*> wait_for_store(ScrapeContext& context) {
  constexpr DurationMs kGlance = 100;
  while (context.store.load() == nullptr) co_await sleep(kGlance);
  co_return context.store.load();
}

/// What of a page that was read did not reach the store.
std::string notice_of(const ScrapeOutcome& outcome) {
  if (outcome.commit_failure) return "nothing of the scrape is stored: " + outcome.commit_failure->text;
  if (outcome.refused_series == 0) return {};
  return fmt::format(
      "{} new series refused: a ceiling on series or memory is reached; samples of known series are stored",
      outcome.refused_series);
}

Error body_too_large() {
  return {Code::limit, "body size limit exceeded", std::nullopt};
}

}  // namespace

ScrapeLoop::ScrapeLoop(ScrapeContext& context, std::shared_ptr<Target> target, Settings settings,
                       std::optional<Error> forced)
    : context_(context),
      target_(std::move(target)),
      wake_(context.executor),
      forced_(std::move(forced)),
      settings_(std::move(settings)),
      cycle_(std::make_shared<ScrapeCycle>(cycle_settings())),
      hold_(context.hold_room) {
  target_->set_metadata(cycle_->metadata());
}

void ScrapeLoop::adopt(Settings settings) {
  {
    sync::MutexLock lock(mutex_);
    new_settings_ = std::move(settings);
  }
  wake_.wake();
}

void ScrapeLoop::force_error(std::optional<Error> error) {
  sync::MutexLock lock(mutex_);
  forced_ = std::move(error);
}

void ScrapeLoop::retire(bool mark_stale) {
  {
    sync::MutexLock lock(mutex_);
    life_ = mark_stale ? Life::retired : Life::retired_silently;
  }
  wake_.wake();
}

ScrapeLoop::Life ScrapeLoop::life() const {
  sync::MutexLock lock(mutex_);
  return life_;
}

net::Awaitable<void> ScrapeLoop::run(std::shared_ptr<ScrapeLoop> self) {
  co_await self->loop();
  if (!self->hold_.empty()) {
    co_await wait_for_store(self->context_);
    co_await self->take_in_all_held();
  }
  self->context_.metrics.add_metadata(self->settings_.job->job_name, -self->metadata_entries_,
                                      -self->metadata_bytes_);
  self->context_.metrics.cache_bytes.Decrement(self->cache_bytes_);
  if (self->last_ == 0 || self->life() != Life::retired) co_return;
  co_await end_of_run(self->context_, self->cycle_, self->due_, self->target_->interval(),
                      self->target_->url());
}

net::Awaitable<void> ScrapeLoop::loop() {
  const DurationMs interval = target_->interval();
  due_ = first_scrape(context_.clock.now(), interval, target_->hash(), settings_.seed);
  DurationMs kept_waiting = 0;
  while (life() == Life::running) {
    co_await take_in_all_held();
    take_new_settings();
    const Timestamp now = context_.clock.now() - std::exchange(kept_waiting, 0);
    if (due_ - now > interval)  // the wall clock was set back
      due_ = first_scrape(now, interval, target_->hash(), settings_.seed);
    if (now < due_) {
      const auto when = in(due_ - now);
      co_await wake_.sleep_until(when);
      const auto seen = std::chrono::steady_clock::now();
      kept_waiting = time_in_line(seen - context_.busy.called_at(when, seen), interval);
      continue;
    }
    due_ = latest_due(due_, now, interval);
    const bool adjust = context_.options.adjust_timestamps;
    co_await scrape(adjust ? sample_time(due_, now, interval, context_.options.timestamp_tolerance) : now);
    due_ += interval;
  }
}

void ScrapeLoop::take_new_settings() {
  std::optional<Settings> settings;
  {
    sync::MutexLock lock(mutex_);
    settings = std::exchange(new_settings_, std::nullopt);
  }
  if (!settings) return;
  const bool keep = ScrapeCycle::can_keep_cache(*settings_.job, *settings->job);
  settings_ = std::move(*settings);
  request_.reset();
  if (keep) {
    cycle_->adopt(cycle_settings());
    return;
  }
  // Lines may mean other series from now on: those that nobody exposes any more become stale.
  auto old = std::exchange(cycle_, std::make_shared<ScrapeCycle>(cycle_settings()));
  target_->set_metadata(cycle_->metadata());
  if (last_ == 0) return;
  context_.tasks.spawn(end_of_run(context_, std::move(old), due_, target_->interval(), target_->url()));
}

net::Awaitable<void> ScrapeLoop::scrape(Timestamp t) {
  Page page;
  ScrapeInput& input = page.input;
  input.t = t;
  input.start = context_.clock.steady();
  if (last_ != 0) {
    if (!interval_) interval_ = context_.metrics.interval(target_->interval());
    interval_->observe(std::chrono::duration<double>(input.start - last_start_).count());
  }
  last_ = t;
  last_start_ = input.start;
  {
    sync::MutexLock lock(mutex_);
    input.failure = forced_;
  }
  if (!input.failure) co_await fetch(page);
  // Shutdown, not a failure of the target.
  if (input.failure && input.failure->code == Code::cancelled) co_return;
  if (context_.store.load() != nullptr) {
    co_await take_in_all_held();
    co_await take_in(std::move(page));
    co_return;
  }
  // Without the room that the buffer has for larger ones.
  std::string exact(page.body);
  context_.buffers.give(std::exchange(page.body, std::move(exact)));
  hold_.add(std::move(page), context_.clock.steady());
}

net::Awaitable<void> ScrapeLoop::take_in_all_held() {
  if (context_.store.load() == nullptr) co_return;
  while (auto page = hold_.take(context_.clock.steady())) co_await take_in(std::move(*page));
}

net::Awaitable<void> ScrapeLoop::take_in(Page page) {
  const ScrapeInput input = page.input;
  const std::size_t small = page.gzipped ? kSmallBytes / kUsualRatio : kSmallBytes;
  const bool is_small = page.body.size() <= small;
  auto work = [this, &page]() { return run_cycle(std::move(page)); };
  // Not `?:`: GCC 12 destroys the operands of one with a co_await twice.
  ScrapeOutcome outcome;
  if (is_small) {
    context_.busy.begin(std::chrono::steady_clock::now());
    outcome = work();
    context_.busy.end(std::chrono::steady_clock::now());
  } else {
    outcome = co_await net::on_pool(context_.pool, std::move(work));
  }
  target_->report(input.t, outcome.duration_seconds, outcome.error, notice_of(outcome));
  count(input, outcome);
}

net::Awaitable<void> ScrapeLoop::fetch(Page& page) {
  ScrapeInput& input = page.input;
  if (!request_) {
    auto prepared = settings_.client->prepare(request());
    if (!prepared) {
      input.failure = std::move(prepared).error();
      co_return;
    }
    request_ = std::move(*prepared);
  }
  net::Awaited awaited{usual_bytes_, [this] { return context_.buffers.take(); }};
  auto response = co_await settings_.client->send(request_, std::move(awaited));
  if (!response) {
    input.failure = std::move(response).error();
    co_return;
  }
  usual_bytes_ = response->wire_bytes;
  if (response->status != 200) {
    input.failure = Error{
        Code::io, fmt::format("server returned HTTP status {} {}", response->status, response->reason), {}};
    context_.buffers.give(std::move(response->body));
    co_return;
  }
  input.content_type = net::find_header(response->headers, "Content-Type").value_or("");
  page.gzipped = net::find_header(response->headers, "Content-Encoding") == "gzip";
  page.body = std::move(response->body);
}

ScrapeOutcome ScrapeLoop::run_cycle(Page page) {
  ScrapeInput& input = page.input;
  std::string& body = page.body;
  storage::Appendable& store = *context_.store.load();
  if (page.gzipped && !input.failure) {
    auto inflated = net::gunzip(body, max_body(), context_.buffers.take());
    context_.buffers.give(std::exchange(body, {}));
    if (inflated)
      body = std::move(*inflated);
    else
      input.failure = std::move(inflated).error();
  }
  const std::uint64_t limit = settings_.job->limits.body_size;
  if (!input.failure && limit > 0 && body.size() >= limit) input.failure = body_too_large();
  if (input.failure) return cycle_->run(input, store, context_.clock);

  ScrapeBody text(std::move(body));
  input.body = &text;
  ScrapeOutcome outcome = cycle_->run(input, store, context_.clock);
  context_.buffers.give(std::move(text).release());
  return outcome;
}

void ScrapeLoop::count(const ScrapeInput& input, const ScrapeOutcome& outcome) {
  ScrapeMetrics& metrics = context_.metrics;
  const auto add = [&](prometheus::Counter& counter, std::size_t count) {
    if (count > 0) counter.Increment(static_cast<double>(count));
  };
  const auto warn = [&](std::string_view what, std::size_t count) {
    if (count == 0) return;
    telemetry::warn(what, {{"scrape_pool", settings_.job->job_name},
                           {"target", target_->url()},
                           {"num_dropped", std::to_string(count)}});
  };
  add(metrics.out_of_order, outcome.out_of_order);
  add(metrics.duplicate_timestamp, outcome.duplicates);
  add(metrics.out_of_bounds, outcome.out_of_bounds);
  add(metrics.exemplar_out_of_order, outcome.exemplars_out_of_order);
  add(metrics.exceeded_sample_limit, outcome.sample_limit_exceeded ? 1 : 0);
  add(metrics.exceeded_label_limits, outcome.label_limit_exceeded ? 1 : 0);
  add(metrics.exceeded_body_size_limit,
      outcome.error && outcome.error->text == body_too_large().text ? 1 : 0);
  add(metrics.cache_flush_forced, outcome.cache_flushed ? 1 : 0);
  warn("Error on ingesting out-of-order samples", outcome.out_of_order);
  warn("Error on ingesting samples with different value but same timestamp", outcome.duplicates);
  warn("Error on ingesting samples that are too old or are too far into the future", outcome.out_of_bounds);
  warn("Error on ingesting out-of-order exemplars", outcome.exemplars_out_of_order);
  warn("The store refused new series", outcome.refused_series);
  if (outcome.commit_failure)
    telemetry::error("Scrape commit failed", {{"scrape_pool", settings_.job->job_name},
                                              {"target", target_->url()},
                                              {"err", outcome.commit_failure->text}});
  if (settings_.job->extra_scrape_metrics)
    metrics.observe_scrape(std::chrono::duration<double>(context_.clock.steady() - input.start).count());

  const auto cache = static_cast<double>(cycle_->cache().size_bytes());
  metrics.cache_bytes.Increment(cache - cache_bytes_);
  cache_bytes_ = cache;
  const auto entries = static_cast<double>(cycle_->metadata()->count());
  const auto bytes = static_cast<double>(cycle_->metadata()->size_bytes());
  if (entries == metadata_entries_ && bytes == metadata_bytes_) return;
  metrics.add_metadata(settings_.job->job_name, entries - metadata_entries_, bytes - metadata_bytes_);
  metadata_entries_ = entries;
  metadata_bytes_ = bytes;
}

net::Request ScrapeLoop::request() const {
  net::Request request;
  request.url = target_->url();
  request.timeout = std::chrono::milliseconds(target_->timeout());
  request.max_body_bytes = max_body();
  request.inflate = false;
  request.headers = {
      {"User-Agent", "Prometheus/" + context_.options.version},
      {"Accept", accept_header(*settings_.job)},
      {"Accept-Encoding", settings_.job->enable_compression ? "gzip" : "identity"},
      {"X-Prometheus-Scrape-Timeout-Seconds", format_plain(static_cast<double>(target_->timeout()) / 1000)},
  };
  return request;
}

CycleSettings ScrapeLoop::cycle_settings() const {
  return {settings_.job,
          target_->public_labels(),
          target_->timeout(),
          context_.options.type_and_unit_labels,
          context_.options.metadata_wal_records,
          context_.options.starts,
          context_.options.start_zeros};
}

// A body as long as the limit is refused, too.
std::uint64_t ScrapeLoop::max_body() const {
  const std::uint64_t limit = settings_.job->limits.body_size;
  return limit == 0 ? kMaxBodyBytes : std::max<std::uint64_t>(limit - 1, 1);
}

net::Awaitable<void> ScrapeLoop::end_of_run(ScrapeContext& context, std::shared_ptr<ScrapeCycle> cycle,
                                            Timestamp next_due, DurationMs interval, std::string url) {
  // The markers' time is that of the scrape that does not come.
  co_await sleep(next_due - context.clock.now());
  const Timestamp stale_time = context.clock.now();
  co_await sleep(interval + interval / 10);
  storage::Appendable& store = *co_await wait_for_store(context);
  auto work = [&store, &cycle, stale_time]() { return cycle->mark_stale(stale_time, store); };
  auto marked = co_await net::on_pool(context.pool, std::move(work));
  if (!marked) telemetry::warn("Stale commit failed", {{"target", url}, {"err", marked.error().text}});
}

}  // namespace narthex::scrape
