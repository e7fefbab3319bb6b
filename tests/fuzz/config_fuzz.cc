// Any text must be read or refused with a place, never crash; the dump of what was read is
// YAML that is read again and shows the same.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "config/config.h"
#include "config/json_tree.h"
#include "config/yaml_tree.h"

using namespace narthex;
using namespace narthex::config;

namespace {

[[noreturn]] void give_up(const char* what, const std::string& detail) {
  std::fprintf(stderr, "%s\n%s\n", what, detail.c_str());
  std::abort();
}

/// Secrets come out masked and so differ in what they mean, but not in how they are shown.
/// External labels expand a second time when read again: left out where there is a dollar sign.
void check_dump(const Config& config) {
  for (const LabelView label : config.global.external_labels)
    if (label.value.find('$') != std::string_view::npos) return;
  std::string yaml = config.yaml;
  // Prometheus' own dump holds one field that Prometheus does not read, and what is not
  // supported here.
  const std::size_t storage = yaml.find("\nstorage:\n");
  if (storage == std::string::npos) give_up("no storage section", yaml);
  yaml.resize(storage + 1);
  const auto again = parse_config(yaml, "dump.yml", {});
  if (!again) give_up(again.error().text.c_str(), yaml);
  if (!again->yaml.starts_with(yaml))
    give_up("the dump changes when read again", yaml + "---\n" + again->yaml);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = parse_config(text, "./prometheus.yml", {});
  if (config) {
    check_dump(*config);
  } else if (!config.error().at) {
    give_up("an error without a place", config.error().text);
  }
  if (const auto json = parse_json(text, "t.json"); !json && !json.error().at)
    give_up("an error without a place", json.error().text);
  return 0;
}
