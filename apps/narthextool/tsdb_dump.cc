#include "apps/narthextool/tsdb_dump.h"

#include <fmt/format.h>

#include <span>

#include "apps/narthextool/go_text.h"
#include "model/histogram_text.h"
#include "model/value.h"
#include "query/promql/parser.h"
#include "tsdb/read_only.h"

namespace narthex::apps {
namespace {

/// Collects text and hands it on in large pieces.
class Buffer {
 public:
  explicit Buffer(const Print& print) : print_(print) {}
  ~Buffer() { flush(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::string& text() {
    constexpr std::size_t kPiece = 64 * 1024;
    if (text_.size() >= kPiece) flush();
    return text_;
  }

 private:
  void flush() {
    if (!text_.empty()) print_(text_);
    text_.clear();
  }

  const Print& print_;
  std::string text_;
};

std::string value_text(const tsdb::ChunkSamples& run, std::size_t i) {
  switch (run.kind) {
    case tsdb::SampleKind::floats:
      return format_general(run.v[i]);
    case tsdb::SampleKind::histograms:
      return to_text(run.histograms[i]);
    case tsdb::SampleKind::float_histograms:
      return to_text(run.float_histograms[i]);
  }
  return {};
}

void put_samples(const tsdb::StoredSeries& series, Buffer& out) {
  const std::string labels = series.labels.to_string();
  for (const tsdb::ChunkSamples& run : series.runs) {
    for (std::size_t i = 0; i < run.size(); ++i) {
      out.text() += fmt::format("{} {} {}\n", labels, value_text(run, i), run.t[i]);
    }
  }
}

void put_series_json(const tsdb::StoredSeries& series, Buffer& out) {
  std::string object = "{";
  for (const LabelView label : series.labels) {
    if (object.size() > 1) object += ',';
    object += go_json_string(label.name) + ':' + go_json_string(label.value);
  }
  out.text() += object + "}\n";
}

/// Up to the first histogram: OpenMetrics cannot say what is behind it.
void put_openmetrics(const tsdb::StoredSeries& series, Buffer& out) {
  std::string name{series.labels.get(kMetricName)};
  name += '{';
  bool first = true;
  for (const LabelView label : series.labels) {
    if (label.name == kMetricName) continue;
    if (!first) name += ',';
    first = false;
    name.append(label.name).append("=").append(quote(label.value));
  }
  name += '}';
  for (const tsdb::ChunkSamples& run : series.runs) {
    if (run.kind != tsdb::SampleKind::floats) return;
    for (std::size_t i = 0; i < run.size(); ++i) {
      out.text() +=
          fmt::format("{} {} {:.3f}\n", name, format_general(run.v[i]), static_cast<double>(run.t[i]) / 1000);
    }
  }
}

Result<std::vector<std::vector<Matcher>>> parse_selectors(std::span<const std::string> texts) {
  std::vector<std::vector<Matcher>> selectors;
  for (const std::string& text : texts) {
    auto matchers = query::parse_selector(text);
    if (!matchers) return pass(matchers);
    selectors.push_back(*std::move(matchers));
  }
  return selectors;
}

}  // namespace

Result<void> dump(io::FileSystem& fs, const DumpOptions& options, const Print& print) {
  const auto db = tsdb::ReadOnlyDb::open(fs, options.directory);
  if (!db) return std::unexpected(db.error());
  const auto selectors = parse_selectors(options.selectors);
  if (!selectors) return std::unexpected(selectors.error());
  const auto reader = db->series(options.range, *selectors);
  if (!reader) return std::unexpected(reader.error());
  Buffer out(print);
  tsdb::StoredSeries series;
  for (;;) {
    auto more = (*reader)->next(series);
    if (!more) return pass(more);
    if (!*more) break;
    switch (options.format) {
      case DumpFormat::samples:
        put_samples(series, out);
        break;
      case DumpFormat::series_json:
        put_series_json(series, out);
        break;
      case DumpFormat::openmetrics:
        put_openmetrics(series, out);
        break;
    }
  }
  if (options.format == DumpFormat::openmetrics) out.text() += "# EOF\n";
  if (const std::uint64_t damaged = (*reader)->damaged_places(); damaged > 0) {
    return fail(Code::corruption,
                fmt::format("{} places in the log cannot be read; what they held is missing here "
                            "(narthextool tsdb verify names them)",
                            damaged));
  }
  return {};
}

}  // namespace narthex::apps
