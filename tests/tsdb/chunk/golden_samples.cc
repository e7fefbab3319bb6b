#include "tests/tsdb/chunk/golden_samples.h"

#include <doctest/doctest.h>

#include <bit>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace narthex::tsdb {
namespace {

double number(const std::string& text) {
  return parse_golden_number(text);
}

/// "[a,b]" -> a, b
std::vector<std::string> items(const std::string& text) {
  REQUIRE(text.front() == '[');
  std::vector<std::string> out;
  std::istringstream in(text.substr(1, text.size() - 2));
  for (std::string item; std::getline(in, item, ',');) out.push_back(item);
  return out;
}

std::vector<HistogramSpan> spans(const std::string& text) {
  std::vector<HistogramSpan> out;
  for (const std::string& item : items(text)) {
    const std::size_t colon = item.find(':');
    out.push_back({std::stoi(item), static_cast<std::uint32_t>(std::stoul(item.substr(colon + 1)))});
  }
  return out;
}

std::vector<double> doubles(const std::string& text) {
  std::vector<double> out;
  for (const std::string& item : items(text)) out.push_back(number(item));
  return out;
}

std::vector<std::int64_t> integers(const std::string& text) {
  std::vector<std::int64_t> out;
  for (const std::string& item : items(text)) out.push_back(std::stoll(item));
  return out;
}

template <class AnyKind>
AnyKind histogram(std::istream& in) {
  AnyKind h;
  int hint = 0;
  std::string threshold, zeros, count, sum, positive, negative, bounds, positive_spans, negative_spans;
  in >> hint >> h.schema >> threshold >> zeros >> count >> sum >> positive_spans >> negative_spans >>
      positive >> negative >> bounds;
  h.hint = static_cast<CounterResetHint>(hint);
  h.zero_threshold = number(threshold);
  h.sum = number(sum);
  h.positive_spans = spans(positive_spans);
  h.negative_spans = spans(negative_spans);
  h.custom_values = doubles(bounds);
  if constexpr (std::is_same_v<AnyKind, Histogram>) {
    h.zero_count = std::stoull(zeros);
    h.count = std::stoull(count);
    h.positive_deltas = integers(positive);
    h.negative_deltas = integers(negative);
  } else {
    h.zero_count = number(zeros);
    h.count = number(count);
    h.positive_buckets = doubles(positive);
    h.negative_buckets = doubles(negative);
  }
  return h;
}

GoldenSeries series_head(std::istream& in) {
  GoldenSeries series;
  std::string range, xor2, start;
  in >> series.name >> range >> xor2 >> start;
  series.options = {.xor2_floats = xor2 == "xor2=true",
                    .histograms_with_start = start == "start=true",
                    .block_range = std::stoll(range.substr(6))};
  return series;
}

}  // namespace

GoldenSample parse_golden_sample(const std::string& kind, std::istream& in) {
  GoldenSample s;
  in >> s.t >> s.st;
  if (kind == "i") {
    s.value = histogram<Histogram>(in);
  } else if (kind == "f") {
    s.value = histogram<FloatHistogram>(in);
  } else {
    std::string value;
    in >> value;
    s.value = number(value);
  }
  return s;
}

double parse_golden_number(const std::string& text) {
  if (text.starts_with("0x")) return std::bit_cast<double>(std::stoull(text.substr(2), nullptr, 16));
  return std::strtod(text.c_str(), nullptr);
}

std::ifstream open_golden(const std::string& path) {
  const char* root = std::getenv("NARTHEX_SOURCE_ROOT");
  REQUIRE_MESSAGE(root != nullptr, "run by meson, or set NARTHEX_SOURCE_ROOT");
  std::ifstream in(path.starts_with("/") ? path : std::string(root) + "/" + path);
  REQUIRE_MESSAGE(in.good(), path);
  return in;
}

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<std::byte>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  return out;
}

std::vector<GoldenSeries> read_golden_series(const std::string& path) {
  std::ifstream in = open_golden(path);
  std::vector<GoldenSeries> all;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "series") {
      all.push_back(series_head(words));
    } else if (kind == "=") {
      int encoding = 0;
      std::string hex;
      BuiltChunk chunk;
      words >> encoding >> chunk.range.mint >> chunk.range.maxt >> hex;
      chunk.encoding = static_cast<std::uint8_t>(encoding);
      chunk.bytes = from_hex(hex);
      all.back().chunks.push_back(std::move(chunk));
    } else {
      all.back().samples.push_back(parse_golden_sample(kind, words));
    }
    REQUIRE_MESSAGE(!words.fail(), line);
  }
  return all;
}

bool append_golden(ChunkBuilder& builder, const GoldenSample& sample) {
  return std::visit([&](const auto& value) { return builder.append(sample.t, sample.st, value); },
                    sample.value);
}

std::string to_hex(io::Bytes bytes) {
  static constexpr const char* kDigits = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) {
    out += kDigits[static_cast<unsigned>(b) >> 4];
    out += kDigits[static_cast<unsigned>(b) & 15];
  }
  return out;
}

}  // namespace narthex::tsdb
