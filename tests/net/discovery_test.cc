#include "net/discovery/discovery.h"

#include <doctest/doctest.h>
#include <prometheus/registry.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/concurrent_channel.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>
#include <fstream>

#include "net/discovery/file_source.h"
#include "telemetry/metrics_text.h"
#include "tests/net/run.h"

using namespace narthex;
using namespace narthex::net;
namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("narthex_discovery_" + std::to_string(::getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path / (name + ".new")) << text;
    fs::rename(path / (name + ".new"), path / name);
  }
  fs::path path;
};

std::string group_of(const std::string& target) {
  return "- targets: ['" + target + "']\n";
}

std::string targets_of(const TargetGroups& groups) {
  std::string all;
  for (const auto& group : groups)
    for (const auto& target : group->targets) all += target + " ";
  return all;
}

// Collects what discovery sends.
struct Inbox {
  using Channel =
      asio::experimental::concurrent_channel<void(boost::system::error_code, Discovery::Snapshot)>;
  explicit Inbox(asio::io_context& io) : channel(std::make_shared<Channel>(io, 100)) {}
  Discovery::Consumer consumer() {
    return [c = channel](Discovery::Snapshot all) { return put(c, std::move(all)); };
  }
  static Awaitable<void> put(std::shared_ptr<Channel> channel, Discovery::Snapshot all) {
    channel->try_send(boost::system::error_code{}, std::move(all));
    co_return;
  }
  Awaitable<Discovery::Snapshot> next() {
    auto [ec, all] = co_await channel->async_receive(asio::as_tuple(asio::use_awaitable));
    co_return std::move(all);
  }
  std::shared_ptr<Channel> channel;
};

config::Discovery files_in(const Folder& folder) {
  config::Discovery discovery;
  discovery.files.push_back({{(folder.path / "*.yml").string()}, 3'600'000});
  return discovery;
}

Awaitable<void> follow_files(Discovery& discovery, Inbox& inbox, Folder& folder) {
  config::TargetGroup fixed{{"a:1", "a:2"}, Labels{}, "0"};
  config::Discovery both = files_in(folder);
  both.static_groups.push_back(fixed);
  folder.write("one.yml", group_of("b:1"));
  discovery.start(inbox.consumer());
  std::map<std::string, config::Discovery> jobs;
  jobs["both"] = both;
  jobs["empty"] = {};
  discovery.apply(jobs);

  auto all = co_await inbox.next();
  CHECK(targets_of(all["both"]) == "a:1 a:2 b:1 ");
  CHECK(all.contains("empty"));
  CHECK(all["both"].back()->labels.get("__meta_filepath") == (folder.path / "one.yml").string());

  folder.write("one.yml", group_of("b:2"));
  while (targets_of(all["both"]) != "a:1 a:2 b:2 ") all = co_await inbox.next();

  // A bad file keeps its groups; the next good one beside it is seen all the same.
  folder.write("one.yml", "targets: [");
  folder.write("two.yml", group_of("c:1"));
  while (targets_of(all["both"]) != "a:1 a:2 b:2 c:1 ") all = co_await inbox.next();

  fs::remove(folder.path / "one.yml");
  while (targets_of(all["both"]) != "a:1 a:2 c:1 ") all = co_await inbox.next();

  // A reload is sent at once and keeps what is known.
  jobs.erase("empty");
  jobs["more"] = files_in(folder);
  discovery.apply(jobs);
  while (!all.contains("more")) all = co_await inbox.next();
  CHECK(targets_of(all["more"]) == "c:1 ");
  CHECK(!all.contains("empty"));
  co_await discovery.stop();
}

}  // namespace

TEST_CASE("target files are followed: changed, broken, new and removed ones") {
  asio::io_context io;
  sync::ThreadPool pool(1);
  Folder folder;
  prometheus::Registry registry;
  Discovery discovery(io.get_executor(), pool, io::local_file_system(), system_clock(), {"scrape", 1},
                      &registry);
  Inbox inbox(io);
  test::run(io, follow_files(discovery, inbox, folder));
  const std::string text = telemetry::metrics_text(registry);
  CHECK(text.find("prometheus_sd_discovered_targets{config=\"both\",name=\"scrape\"} 3") !=
        std::string::npos);
  CHECK(text.find("config=\"empty\"") == std::string::npos);
  CHECK(text.find("prometheus_sd_file_read_errors_total 0") == std::string::npos);
}

TEST_CASE("groups that did not change stay the same objects") {
  Folder folder;
  folder.write("one.yml", group_of("a:1") + group_of("a:2"));
  FileSource source(files_in(folder).files[0]);
  CHECK(source.refresh(io::local_file_system()).changed);
  const auto before = source.groups();
  CHECK(!source.refresh(io::local_file_system()).changed);
  folder.write("one.yml", group_of("a:1") + group_of("a:3"));
  CHECK(source.refresh(io::local_file_system()).changed);
  const auto after = source.groups();
  REQUIRE(after.size() == 2);
  CHECK(after[0] == before[0]);
  CHECK(after[1] != before[1]);
}
