// Any text must parse as a template or be refused with a place; what parses expands or says
// why not, and never for ever: the output is bounded by the input.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "rules/template.h"

using namespace narthex;
using namespace narthex::rules;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = Template::parse(text);
  if (!parsed) {
    if (parsed.error().text.find(": ") != std::string::npos) return 0;
    std::fprintf(stderr, "an error without a place: %s\n", parsed.error().text.c_str());
    std::abort();
  }
  const Labels labels{{"job", "api"}, {"instance", "host:9090"}};
  const auto out = parsed->expand({labels, labels, "http://p:9090", 0.25});
  if (out && text.find("{{") == std::string_view::npos && *out != text) std::abort();
  return 0;
}
