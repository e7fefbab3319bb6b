// Any text is cut into tokens that lie behind one another and name the bytes they were made of,
// with nothing but blanks between them; after an error or the end nothing comes.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "query/promql/lexer.h"

using namespace narthex::query;

namespace {

void demand(bool holds) {
  if (!holds) std::abort();
}

bool is_blank(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; });
}

void cut(std::string_view text, Lexer::Language language) {
  Lexer lexer(text, language);
  std::size_t behind_last = 0;
  for (;;) {
    const Token token = lexer.next();
    if (token.kind == TokenKind::end_of_input || token.kind == TokenKind::error) {
      demand((token.kind == TokenKind::error) != lexer.error().empty());
      break;
    }
    demand(!token.text.empty() && !describe(token).empty());
    demand(token.pos >= behind_last && token.pos + token.text.size() <= text.size());
    demand(text.substr(token.pos, token.text.size()) == token.text);
    demand(is_blank(text.substr(behind_last, token.pos - behind_last)));
    behind_last = token.pos + token.text.size();
  }
  demand(lexer.next().kind == TokenKind::end_of_input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  cut(text, Lexer::Language::query);
  cut(text, Lexer::Language::series_description);
  return 0;
}
