// /series, /labels, /label/<name>/values.
#include <algorithm>

#include "web/api/endpoints.h"
#include "web/api/json_writer.h"

namespace narthex::web {

namespace {

/// One more than what is shown, so that a cut can be told.
std::size_t ask_for(std::size_t limit) {
  return limit == 0 ? 0 : limit + 1;
}

Answer strings_answer(std::vector<std::string> values, std::size_t limit) {
  Answer answer;
  if (limit > 0 && values.size() > limit) {
    values.resize(limit);
    answer.warnings.emplace_back(kTruncated);
  }
  std::string json;
  JsonWriter writer(json);
  writer.begin_array();
  for (const std::string& value : values) writer.string(value);
  writer.end_array();
  answer.data = Answer::of(std::move(json)).data;
  return answer;
}

void merge_into(std::vector<std::string>& all, std::vector<std::string> more) {
  if (all.empty()) {
    all = std::move(more);
    return;
  }
  std::ranges::move(more, std::back_inserter(all));
  std::ranges::sort(all);
  const auto [first, last] = std::ranges::unique(all);
  all.erase(first, last);
}

/// The union over all match[] of what `look_up` finds for one; everything if there is none.
template <class LookUp>
Result<Answer> union_of(const ApiSources& sources, const Call& call, LookUp look_up) {
  auto limit = call.parameters.limit();
  if (!limit) return pass(limit);
  auto range = call.parameters.range();
  if (!range) return pass(range);
  auto sets = call.parameters.matcher_sets();
  if (!sets) return pass(sets);
  auto querier = sources.db.querier(*range);
  if (!querier) return pass(querier);
  if (sets->empty()) sets->emplace_back();
  std::vector<std::string> all;
  for (const auto& matchers : *sets) {
    auto found = look_up(**querier, matchers, ask_for(*limit));
    if (!found) return pass(found);
    merge_into(all, std::move(*found));
  }
  return strings_answer(std::move(all), *limit);
}

/// `U__a_2e_b` -> `a.b`; nothing changed if it is not of that form.
std::string unescape_name(std::string_view name) {
  if (!name.starts_with("U__")) return std::string(name);
  std::string out;
  const std::string_view rest = name.substr(3);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] != '_') {
      out += rest[i];
      continue;
    }
    if (i + 1 < rest.size() && rest[i + 1] == '_') {
      out += '_';
      ++i;
      continue;
    }
    std::uint32_t code = 0;
    std::size_t digits = 0;
    std::size_t at = i + 1;
    for (; at < rest.size() && rest[at] != '_'; ++at, ++digits) {
      const char c = rest[at];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0 || digits == 6) return std::string(name);
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    const bool is_surrogate = code >= 0xd800 && code < 0xe000;
    if (at == rest.size() || digits == 0 || code > 0x10ffff || is_surrogate) return std::string(name);
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xc0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xe0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
      out += static_cast<char>(0x80 | (code & 0x3f));
    } else {
      out += static_cast<char>(0xf0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
      out += static_cast<char>(0x80 | (code & 0x3f));
    }
    i = at;
  }
  return out;
}

}  // namespace

Result<Answer> series(const ApiSources& sources, const Call& call) {
  if (call.parameters.all("match[]").empty()) return fail(Code::invalid, "no match[] parameter provided");
  auto limit = call.parameters.limit();
  if (!limit) return pass(limit);
  auto range = call.parameters.range();
  if (!range) return pass(range);
  auto sets = call.parameters.matcher_sets();
  if (!sets) return std::unexpected(in_parameter(std::move(sets).error(), "match[]"));
  auto querier = sources.db.querier(*range);
  if (!querier) return pass(querier);

  LabelPool pool;
  std::vector<Labels> found;
  for (const auto& matchers : *sets) {
    auto set =
        (*querier)->select(*range, matchers, pool, {.sorted = sets->size() > 1, .limit = ask_for(*limit)});
    if (!set) return pass(set);
    for (std::size_t i = 0; i < (*set)->size(); ++i) found.push_back(pool.labels((*set)->labels(i)));
  }
  if (sets->size() > 1) {
    std::ranges::sort(found);
    const auto [first, last] = std::ranges::unique(found);
    found.erase(first, last);
  }
  Answer answer;
  if (*limit > 0 && found.size() > *limit) {
    found.resize(*limit);
    answer.warnings.emplace_back(kTruncated);
  }
  std::string json;
  JsonWriter writer(json);
  writer.begin_array();
  for (const Labels& labels : found) writer.labels(labels);
  writer.end_array();
  answer.data = Answer::of(std::move(json)).data;
  return answer;
}

Result<Answer> label_names(const ApiSources& sources, const Call& call) {
  return union_of(sources, call,
                  [](storage::Querier& querier, const std::vector<Matcher>& matchers, std::size_t limit) {
                    return querier.label_names(matchers, limit);
                  });
}

Result<Answer> label_values(const ApiSources& sources, const Call& call) {
  const std::string name = unescape_name(call.tail);
  if (!is_utf8_name(name)) return fail(Code::invalid, "invalid label name: " + quote(name));
  return union_of(sources, call,
                  [&name](storage::Querier& querier, const std::vector<Matcher>& matchers,
                          std::size_t limit) { return querier.label_values(name, matchers, limit); });
}

}  // namespace narthex::web
