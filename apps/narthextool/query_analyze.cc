#include "apps/narthextool/query_analyze.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "apps/narthextool/go_text.h"
#include "model/value.h"

namespace narthex::apps {

namespace json = boost::json;

namespace {

constexpr std::string_view kHeader =
    "Bucket stats for each histogram series over time\n"
    "------------------------------------------------\n"
    "First the min, avg, and max number of populated buckets, followed by the total\n"
    "number of buckets (only if different from the max number of populated buckets\n"
    "which is typical for classic but not native histograms).";
constexpr std::string_view kFooter =
    "Aggregated bucket stats\n"
    "-----------------------\n"
    "Each line shows min/avg/max over the series above.";

/// Populated buckets of one histogram over time, and its buckets in all.
struct Populated {
  std::int64_t min = std::numeric_limits<std::int64_t>::max();
  std::int64_t max = 0;
  std::int64_t total = 0;
  double avg = 0;

  void add(std::int64_t count) {
    min = std::min(min, count);
    max = std::max(max, count);
  }
  [[nodiscard]] std::string text() const {
    if (max == total) return fmt::format("{}/{:.3f}/{}", min, avg, max);
    return fmt::format("{}/{:.3f}/{}/{}", min, avg, max, total);
  }
};

class Distribution {
 public:
  void add(std::int64_t n) {
    min_ = std::min(min_, n);
    max_ = std::max(max_, n);
    ++count_;
    const auto count = static_cast<double>(count_);
    avg_ += static_cast<double>(n) / count - avg_ / count;
  }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] std::string text() const { return fmt::format("{}/{:.3f}/{}", min_, avg_, max_); }
  bool operator==(const Distribution&) const = default;

 private:
  std::int64_t min_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_ = 0;
  std::int64_t count_ = 0;
  double avg_ = 0;
};

struct Aggregated {
  Distribution min, avg, max, total;

  void add(const Populated& p) {
    min.add(p.min);
    avg.add(static_cast<std::int64_t>(p.avg));
    max.add(p.max);
    total.add(p.total);
  }
  [[nodiscard]] std::string text() const {
    std::string out = fmt::format(
        "histogram series ({} in total):\n- min populated: {}\n- avg populated: {}\n- max populated: {}",
        min.count(), min.text(), avg.text(), max.text());
    if (!(max == total)) out += fmt::format("\n- total: {}", total.text());
    return out;
  }
};

std::unexpected<Error> unexpected_answer() {
  return fail(Code::execution, "query of buckets resulted in non-Matrix");
}

/// The buckets of a classic histogram, by their upper bounds, as rows of [time, count].
struct ClassicBucket {
  double upper = 0;
  std::vector<std::pair<double, double>> values;
};
using ClassicHistograms = std::map<std::string, std::vector<ClassicBucket>>;

std::optional<double> number_of(const json::value& v) {
  if (v.is_string()) return parse_float(std::string_view(v.get_string()));
  boost::system::error_code ec;
  const double number = v.to_number<double>(ec);
  return ec ? std::nullopt : std::optional(number);
}

/// Nothing: too few samples to say anything. Errors: execution.
Result<std::optional<Populated>> populated(std::vector<ClassicBucket> buckets) {
  if (buckets.empty() || buckets.front().values.size() < 2) return std::optional<Populated>();
  const std::size_t samples = buckets.front().values.size();
  std::ranges::stable_sort(buckets, {}, &ClassicBucket::upper);
  Populated out;
  out.total = static_cast<std::int64_t>(buckets.size());
  std::int64_t all = 0;
  for (std::size_t i = 0; i < samples; ++i) {
    std::int64_t count = 0;
    for (std::size_t b = 0; b < buckets.size(); ++b) {
      // Series that are shorter than others count as far as they go.
      if (i >= buckets[b].values.size()) break;
      const auto [t, v] = buckets[b].values[i];
      if (b > 0 && t != buckets[b - 1].values[i].first)
        return fail(Code::execution, "matrix result is not time aligned");
      const double below = b == 0 ? 0 : buckets[b - 1].values[i].second;
      if (static_cast<std::int64_t>(v - below) != 0) ++count;
    }
    all += count;
    out.add(count);
  }
  out.avg = static_cast<double>(all) / static_cast<double>(samples);
  return std::optional(out);
}

/// Of a native histogram. Nothing: too few samples.
Result<std::optional<Populated>> populated(const json::array& histograms) {
  if (histograms.size() < 2) return std::optional<Populated>();
  Populated out;
  std::set<std::string> different;
  std::int64_t all = 0;
  for (const json::value& pair : histograms) {
    const json::array* list = pair.if_array();
    const json::object* h = list && list->size() == 2 ? (*list)[1].if_object() : nullptr;
    if (!h) return unexpected_answer();
    std::int64_t count = 0;
    if (const json::value* buckets = h->if_contains("buckets"); buckets && buckets->is_array()) {
      for (const json::value& bucket : buckets->get_array()) {
        if (!bucket.is_array() || bucket.get_array().size() != 4) return unexpected_answer();
        json::array bounds = bucket.get_array();
        bounds.pop_back();
        different.insert(json::serialize(bounds));
        ++count;
      }
    }
    all += count;
    out.add(count);
  }
  out.avg = static_cast<double>(all) / static_cast<double>(histograms.size());
  out.total = static_cast<std::int64_t>(different.size());
  return std::optional(out);
}

/// Series that are no buckets are passed over.
Result<void> add_classic(const Labels& labels, const json::array& values, ClassicHistograms& into) {
  const std::string name(labels.get(kMetricName));
  if (!labels.has("le") || !name.ends_with("_bucket")) return {};
  ClassicBucket bucket;
  bucket.upper = parse_float(labels.get("le")).value_or(0);
  for (const json::value& pair : values) {
    if (!pair.is_array() || pair.get_array().size() != 2) return unexpected_answer();
    const auto t = number_of(pair.get_array()[0]);
    const auto v = number_of(pair.get_array()[1]);
    if (!t || !v) return unexpected_answer();
    bucket.values.emplace_back(*t, *v);
  }
  LabelsBuilder rest(labels);
  rest.remove(kMetricName);
  rest.remove("le");
  into[name + rest.labels().to_string()].push_back(std::move(bucket));
  return {};
}

class Analysis {
 public:
  explicit Analysis(const QueryTask& task) : task_(task) {}

  Result<void> look_at(const std::string& selector, DurationMs range, Timestamp end) {
    const std::string query = fmt::format("{}[{}]", selector, go_duration(std::chrono::milliseconds(range)));
    auto answer = task_.client.post(
        "/query", {{"query", query}, {"time", format_plain(static_cast<double>(end) / 1000)}});
    if (!answer) return pass(answer);
    const json::object* data = answer->data->if_object();
    const json::value* result = data ? data->if_contains("result") : nullptr;
    const json::value* type = data ? data->if_contains("resultType") : nullptr;
    if (!result || !result->is_array() || !type || *type != "matrix") return unexpected_answer();
    ClassicHistograms classic;
    for (const json::value& series : result->get_array())
      if (auto added = look_at_series(series, classic); !added) return added;
    for (auto& [name, buckets] : classic) {
      auto found = populated(std::move(buckets));
      if (!found) return pass(found);
      if (!*found) continue;
      task_.print(fmt::format("- {} (classic): {}\n", name, (*found)->text()));
      classic_.add(**found);
    }
    return {};
  }

  void print_totals() const {
    task_.print(fmt::format("\n{}\n", kFooter));
    if (native_.min.count() > 0) task_.print(fmt::format("\nNative {}\n", native_.text()));
    if (classic_.min.count() > 0) task_.print(fmt::format("\nClassic {}\n", classic_.text()));
  }

 private:
  Result<void> look_at_series(const json::value& series, ClassicHistograms& classic) {
    const json::object* object = series.if_object();
    const json::value* metric = object ? object->if_contains("metric") : nullptr;
    if (!metric) return unexpected_answer();
    auto labels = labels_of(*metric);
    if (!labels) return pass(labels);
    const json::value* values = object->if_contains("values");
    if (values && values->is_array() && !values->get_array().empty())
      return add_classic(*labels, values->get_array(), classic);
    const json::value* histograms = object->if_contains("histograms");
    if (!histograms || !histograms->is_array()) return {};
    auto found = populated(histograms->get_array());
    if (!found) return pass(found);
    if (!*found) return {};
    task_.print(fmt::format("- {} (native): {}\n", metric_text(*labels), (*found)->text()));
    native_.add(**found);
    return {};
  }

  const QueryTask& task_;
  Aggregated native_;
  Aggregated classic_;
};

}  // namespace

Result<void> analyze_histograms(const QueryTask& task, const HistogramAnalysis& what) {
  if (what.type != "histogram")
    return fail(Code::invalid, fmt::format("analyze type is {}, must be 'histogram'", what.type));
  Timestamp end = task.clock.now();
  if (!what.time.empty()) {
    auto t = parse_api_time(what.time);
    if (!t) return pass(t, fmt::format("error parsing time '{}'", what.time));
    end = *t;
  }
  task.print(fmt::format("{}\n\n", kHeader));
  Analysis analysis(task);
  for (const std::string& selector : what.selectors)
    if (auto done = analysis.look_at(selector, what.range, end); !done) return done;
  analysis.print_totals();
  return {};
}

}  // namespace narthex::apps
