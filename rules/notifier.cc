#include "rules/notifier.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <utility>

#include "net/discovery/discovery.h"
#include "net/http_client.h"
#include "net/task_group.h"
#include "net/wake.h"
#include "telemetry/log.h"

namespace narthex::rules {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kAddress = "__address__";
constexpr std::string_view kScheme = "__scheme__";
constexpr std::string_view kAlertsPath = "__alerts_path__";
/// Draining the queues may hold up the end of the process for so long.
constexpr std::chrono::seconds kDrainTime{30};
/// Loops that are asked to stop hear it when their request ends; after this they are cancelled.
constexpr std::chrono::seconds kStopTime{35};

/// "/" + prefix + "/api/v2/alerts" without doubled slashes.
std::string post_path(std::string_view prefix) {
  std::string path = "/";
  for (const char c : fmt::format("{}/api/v2/alerts", prefix))
    if (c != '/' || path.back() != '/') path += c;
  return path;
}

/// Go's URL.String() of the path: everything but its plain characters percent-encoded.
std::string escaped_path(std::string_view path) {
  constexpr std::string_view kPlain = "-_.~$&+,/:;=@";
  std::string out;
  for (const char c : path) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       kPlain.find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string url_of(std::string_view scheme, std::string_view address, std::string_view path) {
  return fmt::format("{}://{}{}{}", scheme, address, path.starts_with('/') ? "" : "/", escaped_path(path));
}

struct Endpoints {
  std::set<std::string> active;
  std::set<std::string> dropped;
};

void add_target(const config::AlertmanagerConfig& config, const config::TargetGroup& group,
                const std::string& target, Endpoints& out) {
  LabelsBuilder labels;
  labels.set(kAddress, target);
  labels.set(kScheme, config.scheme);
  labels.set(kAlertsPath, post_path(config.path_prefix));
  for (const LabelView label : group.labels)
    if (label.name != kAddress) labels.set(label.name, label.value);
  const std::string before = url_of(labels.get(kScheme), labels.get(kAddress), labels.get(kAlertsPath));
  if (!relabel(labels, config.relabel)) {
    out.dropped.insert(before);
    return;
  }
  const std::string address(labels.get(kAddress));
  if (address.empty() || address.find('/') != std::string::npos) {
    telemetry::error("Creating discovered Alertmanagers failed",
                     {{"err", fmt::format("{} is not a valid hostname", quote(address))}});
    return;
  }
  out.active.insert(url_of(labels.get(kScheme), address, labels.get(kAlertsPath)));
}

Endpoints endpoints_of(const config::AlertmanagerConfig& config, const net::TargetGroups& groups) {
  Endpoints out;
  for (const auto& group : groups)
    for (const std::string& target : group->targets) add_target(config, *group, target, out);
  return out;
}

std::vector<Notification> relabeled(const std::vector<Notification>& alerts,
                                    std::span<const RelabelRule> rules, const Labels& external_labels) {
  std::vector<Notification> out;
  LabelsBuilder labels;
  for (const Notification& alert : alerts) {
    labels.reset(alert.labels);
    for (const LabelView label : external_labels)
      if (!alert.labels.has(label.name)) labels.set(label.name, label.value);
    if (!relabel(labels, rules)) continue;
    out.push_back(alert);
    out.back().labels = labels.labels();
  }
  return out;
}

/// The Alertmanagers of one section of the configuration.
struct Section {
  config::AlertmanagerConfig config;
  std::shared_ptr<net::HttpClient> client;
  net::TargetGroups groups;
  std::set<std::string> dropped;
  std::map<std::string, std::shared_ptr<SendLoop>> loops;  ///< by URL
};

std::string section_name(std::size_t i) {
  return fmt::format("config-{}", i);
}

}  // namespace

struct Notifier::Prepared {
  Labels external_labels;
  std::vector<RelabelRule> alert_relabel;
  std::vector<Section> sections;
};

struct Notifier::Impl : std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor with_executor, sync::ThreadPool& pool, io::FileSystem& fs,
       const Clock& with_clock, SendLoopOptions with_options, prometheus::Registry* registry)
      : executor(with_executor),
        clock(with_clock),
        options(std::move(with_options)),
        metrics(std::make_shared<NotifierMetrics>(registry, options.queue_capacity)),
        discovery(executor, pool, fs, clock, {.name = "notify"}, registry),
        tasks(executor, "notifier") {}

  static net::Awaitable<void> take(std::weak_ptr<Impl> self, net::Discovery::Snapshot snapshot) {
    if (const auto impl = self.lock()) impl->take_groups(std::move(snapshot));
    co_return;
  }
  static net::Awaitable<void> run_loop(std::shared_ptr<Impl> self, std::shared_ptr<SendLoop> loop) {
    co_await SendLoop::run(std::move(loop));
    self->loop_ended();
  }

  void take_groups(net::Discovery::Snapshot snapshot) NARTHEX_EXCLUDES(mutex);
  void settle(Section& section) NARTHEX_REQUIRES(mutex);
  void stop_loop(SendLoop& loop) const;
  void loop_ended() NARTHEX_EXCLUDES(mutex);

  const asio::any_io_executor executor;
  const Clock& clock;
  const SendLoopOptions options;
  const std::shared_ptr<NotifierMetrics> metrics;
  net::Discovery discovery;
  net::TaskGroup tasks;

  mutable sync::Mutex mutex;
  bool started NARTHEX_GUARDED_BY(mutex) = false;
  bool stopped NARTHEX_GUARDED_BY(mutex) = false;
  Labels external_labels NARTHEX_GUARDED_BY(mutex);
  std::vector<RelabelRule> alert_relabel NARTHEX_GUARDED_BY(mutex);
  std::vector<Section> sections NARTHEX_GUARDED_BY(mutex);
  std::size_t running_loops NARTHEX_GUARDED_BY(mutex) = 0;
  std::shared_ptr<net::Wake> all_ended NARTHEX_GUARDED_BY(mutex);  ///< set while stop() waits
};

Notifier::Notifier(asio::any_io_executor executor, sync::ThreadPool& pool, io::FileSystem& fs,
                   const Clock& clock, SendLoopOptions options, prometheus::Registry* registry)
    : impl_(std::make_shared<Impl>(std::move(executor), pool, fs, clock, std::move(options), registry)) {}
Notifier::~Notifier() = default;

Result<std::shared_ptr<Notifier::Prepared>> Notifier::prepare(const config::Config& config) const {
  auto out = std::make_shared<Prepared>();
  out->external_labels = config.global.external_labels;
  out->alert_relabel = config.alert_relabel;
  for (const config::AlertmanagerConfig& one : config.alertmanagers) {
    auto client = net::HttpClient::make(impl_->executor, one.http);
    if (!client) return pass(client, "alerting.alertmanagers");
    Section section;
    section.config = one;
    section.client = *std::move(client);
    out->sections.push_back(std::move(section));
  }
  return out;
}

void Notifier::apply(std::shared_ptr<Prepared> prepared) {
  std::map<std::string, config::Discovery> jobs;
  bool start = false;
  {
    const sync::MutexLock lock(impl_->mutex);
    if (impl_->stopped) return;
    start = !std::exchange(impl_->started, true);
    impl_->external_labels = std::move(prepared->external_labels);
    impl_->alert_relabel = std::move(prepared->alert_relabel);
    auto old = std::exchange(impl_->sections, std::move(prepared->sections));
    for (std::size_t i = 0; i < std::max(old.size(), impl_->sections.size()); ++i) {
      if (i >= impl_->sections.size()) {
        for (const auto& [url, loop] : old[i].loops) impl_->stop_loop(*loop);
        continue;
      }
      Section& section = impl_->sections[i];
      jobs.emplace(section_name(i), section.config.discovery);
      if (i >= old.size()) continue;
      // Until the discovery tells more, what it said of this section stays.
      section.groups = std::move(old[i].groups);
      section.loops = std::move(old[i].loops);
      impl_->settle(section);
    }
  }
  if (start) {
    impl_->discovery.start([self = std::weak_ptr(impl_)](net::Discovery::Snapshot snapshot) {
      return Impl::take(self, std::move(snapshot));
    });
  }
  impl_->discovery.apply(std::move(jobs));
}

void Notifier::Impl::take_groups(net::Discovery::Snapshot snapshot) {
  const sync::MutexLock lock(mutex);
  if (stopped) return;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const auto found = snapshot.find(section_name(i));
    if (found == snapshot.end()) continue;
    sections[i].groups = std::move(found->second);
    settle(sections[i]);
  }
  std::size_t count = 0;
  for (const Section& section : sections) count += section.loops.size();
  metrics->alertmanagers_discovered(count);
}

/// Loops for the Alertmanagers that are there now, and for no others.
void Notifier::Impl::settle(Section& section) {
  Endpoints endpoints = endpoints_of(section.config, section.groups);
  section.dropped = std::move(endpoints.dropped);
  std::erase_if(section.loops, [&](const auto& entry) {
    if (endpoints.active.contains(entry.first)) return false;
    stop_loop(*entry.second);
    return true;
  });
  for (const std::string& url : endpoints.active) {
    std::shared_ptr<SendLoop>& loop = section.loops[url];
    const bool is_new = loop == nullptr;
    if (is_new) loop = std::make_shared<SendLoop>(executor, url, options, clock, metrics);
    loop->set_client(section.client, std::chrono::milliseconds(section.config.timeout));
    if (is_new && tasks.spawn(run_loop(shared_from_this(), loop))) ++running_loops;
  }
}

void Notifier::Impl::stop_loop(SendLoop& loop) const {
  loop.stop(std::chrono::steady_clock::now() + kDrainTime);
}

void Notifier::Impl::loop_ended() {
  const sync::MutexLock lock(mutex);
  --running_loops;
  if (running_loops == 0 && all_ended) all_ended->wake();
}

void Notifier::send(std::vector<Notification> alerts) {
  const sync::MutexLock lock(impl_->mutex);
  if (impl_->stopped) return;
  alerts = relabeled(alerts, impl_->alert_relabel, impl_->external_labels);
  if (alerts.empty()) return;
  for (const Section& section : impl_->sections) {
    if (section.loops.empty()) continue;
    const bool own_rules = !section.config.alert_relabel.empty();
    const auto own =
        own_rules ? relabeled(alerts, section.config.alert_relabel, {}) : std::vector<Notification>();
    const auto& all = own_rules ? own : alerts;
    if (all.empty()) continue;
    for (const auto& [url, loop] : section.loops) loop->add(all);
  }
}

AlertmanagerStatus Notifier::status() const {
  AlertmanagerStatus out;
  const sync::MutexLock lock(impl_->mutex);
  for (const Section& section : impl_->sections) {
    for (const auto& [url, loop] : section.loops) out.active_urls.push_back(url);
    out.dropped_urls.insert(out.dropped_urls.end(), section.dropped.begin(), section.dropped.end());
  }
  return out;
}

asio::awaitable<void> Notifier::stop() {
  const auto impl = impl_;
  const auto ended = std::make_shared<net::Wake>(impl->executor);
  bool wait = false;
  {
    const sync::MutexLock lock(impl->mutex);
    impl->stopped = true;
    for (const Section& section : impl->sections)
      for (const auto& [url, loop] : section.loops) impl->stop_loop(*loop);
    impl->all_ended = ended;
    wait = impl->running_loops > 0;
  }
  if (wait) co_await ended->sleep_until(std::chrono::steady_clock::now() + kStopTime);
  co_await impl->discovery.stop();
  co_await impl->tasks.close();
  const sync::MutexLock lock(impl->mutex);
  impl->sections.clear();
}

}  // namespace narthex::rules
