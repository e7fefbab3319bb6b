#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "config/config.h"

using namespace narthex;
using namespace narthex::config;

namespace {

/// A folder of files that is gone afterwards.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "narthex-config-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) FAIL("no temporary directory");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string write(const std::string& name, std::string_view text) const {
    const std::string file = path_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    auto written = io::replace_file(fs(), file, io::as_bytes(text));
    if (!written) FAIL(written.error().text);
    return file;
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  static io::FileSystem& fs() { return io::local_file_system(); }

 private:
  std::string path_;
};

/// The part of an error behind `FOLDER/`.
std::string shortened(const Folder& folder, const std::string& text) {
  const std::size_t at = text.find(folder.path());
  return at == std::string::npos ? text : text.substr(0, at) + text.substr(at + folder.path().size() + 1);
}

}  // namespace

TEST_CASE("patterns match in the last element only, and missing files are no error") {
  const Folder folder;
  for (const char* name : {"a.rules", "b.rules", "c.yml", "ab.rules", "sub/d.rules"}) folder.write(name, "");
  const struct {
    std::string pattern;
    std::vector<std::string> want;
  } rows[] = {
      {"*.rules", {"a.rules", "ab.rules", "b.rules"}},
      {"?.rules", {"a.rules", "b.rules"}},
      {"[b-z]*", {"b.rules", "c.yml", "sub"}},
      {"[^a]*.rules", {"b.rules"}},
      {"c.yml", {"c.yml"}},
      {"missing.yml", {}},
      {"nowhere/*.yml", {}},
      {"sub/*", {"sub/d.rules"}},
      {"a*b*s", {"ab.rules"}},
      {"[", {}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.pattern);
    const auto files = expand_pattern(Folder::fs(), folder.path() + "/" + row.pattern);
    REQUIRE(files);
    std::vector<std::string> names;
    for (const std::string& file : *files) names.push_back(shortened(folder, file));
    CHECK(names == row.want);
  }
}

TEST_CASE("scrape_config_files add their jobs, with paths of their own") {
  const Folder folder;
  const std::string main = folder.write("p.yml",
                                        "global: {scrape_interval: 7s}\n"
                                        "scrape_config_files: [more/*.yml]\n"
                                        "scrape_configs: [{job_name: one}]\n");
  folder.write("more/a.yml", "scrape_configs: [{job_name: two, bearer_token_file: t}]\n");
  const auto config = load_config(Folder::fs(), main, {});
  REQUIRE(config);
  REQUIRE(config->scrape_configs.size() == 2);
  CHECK(config->scrape_configs[1].interval == 7'000);
  CHECK(config->scrape_configs[1].http.authorization->credentials_file == folder.path() + "/more/t");
  CHECK(config->yaml.find("job_name: two") == std::string::npos);

  folder.write("more/b.yml", "scrape_configs: [{job_name: one}]\n");
  const auto twice = load_config(Folder::fs(), main, {});
  REQUIRE(!twice);
  CHECK(twice.error().text.find(
            "more/b.yml:1:29: scrape_configs[0].job_name: found multiple scrape configs with job "
            "name \"one\", first found in ") != std::string::npos);
  folder.write("more/b.yml", "global: {}\n");
  CHECK(load_config(Folder::fs(), main, {}).error().text.find("field global is not known in this file") !=
        std::string::npos);
  CHECK(load_config(Folder::fs(), folder.path() + "/none.yml", {}).error().code == Code::not_found);
}

TEST_CASE("rule files give groups of recording and alerting rules") {
  const Folder folder;
  const std::string file = folder.write("r.yml",
                                        "groups:\n"
                                        "- name: g\n"
                                        "  interval: 10s\n"
                                        "  query_offset: 0s\n"
                                        "  limit: 5\n"
                                        "  labels: {team: x}\n"
                                        "  rules:\n"
                                        "  - record: job:up:sum\n"
                                        "    expr: sum(up)\n"
                                        "    labels: {a: b}\n"
                                        "  - alert: Down\n"
                                        "    expr: up == 0\n"
                                        "    for: 5m\n"
                                        "    keep_firing_for: 1m\n"
                                        "    labels: {severity: page}\n"
                                        "    annotations: {summary: '{{ $labels.job }} is down'}\n"
                                        "- name: h\n"
                                        "  rules: []\n");
  const auto groups = load_rule_file(Folder::fs(), file);
  REQUIRE(groups);
  REQUIRE(groups->size() == 2);
  const RuleGroupConfig& g = (*groups)[0];
  CHECK(g.name == "g");
  CHECK(g.file == file);
  CHECK(g.interval == 10'000);
  CHECK(g.query_offset == 0);
  CHECK(g.limit == 5);
  CHECK((g.labels == RuleTexts{{"team", "x"}}));
  REQUIRE(g.rules.size() == 2);
  CHECK(g.rules[0].recording->record == "job:up:sum");
  CHECK((g.rules[0].recording->labels == RuleTexts{{"a", "b"}}));
  CHECK((g.rules[0].expr_at == SourcePos{file, 9, 11}));
  CHECK((g.rules[1].at == SourcePos{file, 11, 5}));
  const AlertingRule& alert = *g.rules[1].alerting;
  CHECK(alert.hold == 300'000);
  CHECK(alert.keep_firing_for == 60'000);
  CHECK(alert.annotations.at(0).second == "{{ $labels.job }} is down");
  CHECK(!(*groups)[1].interval);
  CHECK(!(*groups)[1].query_offset);
}

TEST_CASE("faults in rule files name their place") {
  const Folder folder;
  const std::string head = "groups:\n- name: g\n  rules:\n";
  const struct {
    std::string text;
    std::string want;
  } rows[] = {
      {"groups:\n- rules: []\n", "r.yml:2:3: groups[0].name: Groupname must not be empty"},
      {"groups:\n- name: a\n- name: a\n",
       "r.yml:3:9: groups[1].name: groupname: \"a\" is repeated in the same file"},
      {head + "  - expr: up\n", "r.yml:4:5: groups[0].rules[0]: one of 'record' or 'alert' must be set"},
      {head + "  - record: a\n    alert: b\n    expr: up\n",
       "r.yml:5:12: groups[0].rules[0].alert: only one of 'record' and 'alert' must be set"},
      {head + "  - record: a\n", "r.yml:4:5: groups[0].rules[0].expr: field 'expr' must be set in rule"},
      {head + "  - record: a\n    expr: up\n    for: 1m\n",
       "r.yml:6:10: groups[0].rules[0].for: invalid field 'for' in recording rule"},
      {head + "  - record: a{b=\"c\"}\n    expr: up\n",
       "r.yml:4:13: groups[0].rules[0].record: braces present in the recording rule name; should it be in "
       "expr?: "
       "a{b=\"c\"}"},
      {head + "  - record: a\n    exprr: up\n",
       "r.yml:5:5: field exprr is not known in groups[0].rules[0] (did you mean expr?)"},
      {head + "  - record: a\n    expr: up\n    labels: {__name__: x}\n",
       "r.yml:6:14: groups[0].rules[0].labels: invalid label name: __name__"},
      {head + "  - alert: a\n    expr: up\n    annotations: {'': x}\n",
       "r.yml:6:19: groups[0].rules[0].annotations: invalid annotation name: "},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto groups = load_rule_file(Folder::fs(), folder.write("r.yml", row.text));
    REQUIRE(!groups);
    CHECK(shortened(folder, groups.error().text) == row.want);
  }
}

TEST_CASE("target files are read as YAML or JSON by their name") {
  const Folder folder;
  for (const auto& [name, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"t.json",
            R"([{"targets": ["a:1", "b\u00e4:2"], "labels": {"x": "\ud83d\ude00"}}, {"targets": ["c:3"]}])"},
           {"t.yml", "- targets: ['a:1', 'bä:2']\n  labels: {x: 😀}\n- targets: ['c:3']\n"}}) {
    CAPTURE(name);
    const std::string file = folder.write(name, text);
    const auto groups = load_target_file(Folder::fs(), file);
    REQUIRE(groups);
    REQUIRE(groups->size() == 2);
    CHECK((*groups)[0].targets == std::vector<std::string>{"a:1", "bä:2"});
    CHECK((*groups)[0].labels.get("x") == "😀");
    CHECK((*groups)[0].labels.get("__meta_filepath") == file);
    CHECK((*groups)[1].source == file + ":1");
  }
  const struct {
    std::string name;
    std::string text;
    std::string want;
  } rows[] = {
      {"t.json", "[{\"targets\": [\"a:1\"],}]",
       "t.json:1:22: not valid JSON: a field's name must be a text in quotes"},
      {"t.json", "[\n{\"target\": []}]",
       "t.json:2:2: field target is not known in [0] (did you mean targets?)"},
      {"t.json", "[null]", "t.json:1:2: [0]: nil target group item found"},
      {"t.json", "[] x", "t.json:1:4: not valid JSON: unexpected text after the value"},
      {"t.json", "[01]", "t.json:1:4: not valid JSON: a value is expected"},
      {"t.json", "[\"a",
       "t.json:1:4: not valid JSON: a text has a bad escape or control character, or no closing quote"},
      {"t.yml", "targets: []", "t.yml:1:1: expected a list of target groups"},
      {"t.yml", "- targets: [a]\n  labels: {'': x}\n",
       "t.yml:2:12: [0].labels: \"\" is not a valid label name"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto groups = load_target_file(Folder::fs(), folder.write(row.name, row.text));
    REQUIRE(!groups);
    CHECK(shortened(folder, groups.error().text) == row.want);
  }
  CHECK(!load_target_file(Folder::fs(), folder.write("deep.json", std::string(5'000, '['))));
}

TEST_CASE("a file may be an HTTP client's configuration and nothing else") {
  const Folder folder;
  const auto http = load_http_config(
      Folder::fs(),
      folder.write("http.yml",
                   "basic_auth: {username: me, password_file: secret}\nfollow_redirects: false\n"));
  REQUIRE(http);
  CHECK(http->basic_auth->username == "me");
  CHECK(http->basic_auth->password_file == folder.path() + "/secret");
  CHECK_FALSE(http->follow_redirects);
  CHECK(load_http_config(Folder::fs(), folder.write("empty.yml", "")));
  const auto wrong = load_http_config(Folder::fs(), folder.write("wrong.yml", "basic_auht: {}\n"));
  REQUIRE_FALSE(wrong);
  CHECK(shortened(folder, wrong.error().text) ==
        "wrong.yml:1:1: field basic_auht is not known in this file (did you mean basic_auth?)");
  CHECK_FALSE(load_http_config(Folder::fs(), folder.path() + "/missing.yml"));
}
