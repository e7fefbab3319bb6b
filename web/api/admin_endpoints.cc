// /admin/tsdb/*: deletion and snapshots, with --web.enable-admin-api.
#include <algorithm>
#include <array>
#include <optional>

#include "query/promql/parser.h"
#include "web/api/endpoints.h"
#include "web/api/json_writer.h"

namespace narthex::web {

namespace {

Result<void> check_enabled(const ApiSources& sources) {
  if (sources.admin_enabled) return {};
  return fail(Code::unavailable, "admin APIs disabled");
}

/// What Go's strconv.ParseBool takes for one.
std::optional<bool> parse_bool(std::string_view text) {
  static constexpr std::array<std::string_view, 6> kYes = {"1", "t", "T", "TRUE", "true", "True"};
  static constexpr std::array<std::string_view, 6> kNo = {"0", "f", "F", "FALSE", "false", "False"};
  if (std::ranges::find(kYes, text) != kYes.end()) return true;
  if (std::ranges::find(kNo, text) != kNo.end()) return false;
  return std::nullopt;
}

/// Of the database: Prometheus calls all of them internal.
std::unexpected<Error> internal(Error error) {
  error.code = Code::internal;
  return std::unexpected(std::move(error));
}

}  // namespace

Result<Answer> delete_series(const ApiSources& sources, const Call& call) {
  if (auto enabled = check_enabled(sources); !enabled) return pass(enabled);
  const auto selectors = call.parameters.all("match[]");
  if (selectors.empty()) return fail(Code::invalid, "no match[] parameter provided");
  auto range = call.parameters.range();
  if (!range) return pass(range);
  // All are read before the first is heeded: half a deletion helps nobody.
  std::vector<std::vector<Matcher>> sets;
  for (const std::string_view selector : selectors) {
    auto matchers = query::parse_selector(selector);
    if (!matchers) return std::unexpected(in_parameter(std::move(matchers).error(), "match[]"));
    sets.push_back(*std::move(matchers));
  }
  for (const auto& matchers : sets) {
    if (auto deleted = sources.db.delete_series(*range, matchers); !deleted)
      return internal(std::move(deleted).error());
  }
  return Answer{};
}

Result<Answer> clean_tombstones(const ApiSources& sources, const Call& /*call*/) {
  if (auto enabled = check_enabled(sources); !enabled) return pass(enabled);
  if (auto cleaned = sources.db.clean_tombstones(); !cleaned) return internal(std::move(cleaned).error());
  return Answer{};
}

Result<Answer> snapshot(const ApiSources& sources, const Call& call) {
  if (auto enabled = check_enabled(sources); !enabled) return pass(enabled);
  bool skip_head = false;
  if (const auto text = call.parameters.get("skip_head"); !text.empty()) {
    const auto skip = parse_bool(text);
    if (!skip) {
      const std::string why =
          "unable to parse boolean: strconv.ParseBool: parsing " + quote(text) + ": invalid syntax";
      return std::unexpected(in_parameter({Code::invalid, why, {}}, "skip_head"));
    }
    skip_head = *skip;
  }
  auto name = sources.db.snapshot(!skip_head);
  if (!name) return internal(std::move(name).error());
  std::string out;
  JsonWriter(out).begin_object().key("name").string(*name).end_object();
  return Answer::of(std::move(out));
}

}  // namespace narthex::web
