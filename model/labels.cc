#include "model/labels.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <span>

#include "model/unicode.h"

namespace narthex {

namespace {

constexpr std::size_t kLongLength = 255;

std::string_view read_string(const char*& at) {
  const auto byte = [&](int i) { return static_cast<std::size_t>(static_cast<unsigned char>(at[i])); };
  std::size_t size = byte(0);
  if (size == kLongLength) {
    size = byte(1) | byte(2) << 8U | byte(3) << 16U;
    at += 3;
  }
  const std::string_view text(at + 1, size);
  at += 1 + size;
  return text;
}

void append_string(std::string& out, std::string_view text) {
  if (text.size() < kLongLength) {
    out += static_cast<char>(text.size());
  } else {
    out += static_cast<char>(kLongLength);
    out += static_cast<char>(text.size() & 0xFFU);
    out += static_cast<char>(text.size() >> 8U & 0xFFU);
    out += static_cast<char>(text.size() >> 16U & 0xFFU);
  }
  out += text;
}

std::size_t encoded_size(std::string_view name, std::string_view value) {
  return name.size() + value.size() + 8;
}

/// Sorted, each name once, no value empty: nothing is left to do but write them down.
bool is_canonical(std::span<const LabelView> pairs) {
  for (std::size_t i = 0; i < pairs.size(); ++i)
    if (pairs[i].value.empty() || (i > 0 && pairs[i - 1].name >= pairs[i].name)) return false;
  return true;
}

void append_name(std::string& out, std::string_view name) {
  if (is_legacy_label_name(name))
    out += name;
  else
    out += quote(name);
}

bool is_letter_or_underscore(char c) {
  return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return '0' <= c && c <= '9';
}

}  // namespace

LabelView Labels::Iterator::operator*() const {
  const char* at = at_;
  const std::string_view name = read_string(at);
  return {name, read_string(at)};
}

Labels::Iterator& Labels::Iterator::operator++() {
  read_string(at_);
  read_string(at_);
  return *this;
}

Labels::Labels(std::initializer_list<LabelView> pairs) : Labels(from_pairs(pairs)) {}

void Labels::append_pair(std::string& bytes, std::string_view name, std::string_view value) {
  append_string(bytes, name);
  append_string(bytes, value);
}

Labels Labels::from_pairs(std::vector<LabelView> pairs) {
  if (is_canonical(pairs)) {
    Labels labels;
    std::size_t size = 0;
    for (const LabelView& pair : pairs) size += encoded_size(pair.name, pair.value);
    labels.bytes_.reserve(size);
    for (const LabelView& pair : pairs) append_pair(labels.bytes_, pair.name, pair.value);
    return labels;
  }
  std::vector<std::size_t> order(pairs.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    const int names = pairs[a].name.compare(pairs[b].name);
    return names != 0 ? names < 0 : a < b;
  };
  if (!std::is_sorted(order.begin(), order.end(), before)) std::sort(order.begin(), order.end(), before);

  std::size_t size = 0;
  for (const LabelView& pair : pairs) size += encoded_size(pair.name, pair.value);
  Labels labels;
  labels.bytes_.reserve(size);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const LabelView& pair = pairs[order[i]];
    const bool repeated = i + 1 < order.size() && pairs[order[i + 1]].name == pair.name;
    if (repeated || pair.value.empty()) continue;
    append_pair(labels.bytes_, pair.name, pair.value);
  }
  return labels;
}

std::size_t Labels::count() const {
  return static_cast<std::size_t>(std::distance(begin(), end()));
}

std::string_view Labels::get(std::string_view name) const {
  const char* at = bytes_.data();
  const char* const end = at + bytes_.size();
  while (at < end) {
    const std::string_view here = read_string(at);
    const std::string_view value = read_string(at);
    if (here == name) return value;
  }
  return {};
}

bool Labels::has(std::string_view name) const {
  // An empty value is never stored.
  return !get(name).empty();
}

std::uint64_t Labels::hash() const {
  return XXH64(bytes_.data(), bytes_.size(), 0);
}

std::string Labels::to_string() const {
  std::string out = "{";
  for (const LabelView label : *this) {
    if (out.size() > 1) out += ", ";
    append_name(out, label.name);
    out += '=';
    out += quote(label.value);
  }
  out += '}';
  return out;
}

std::string Labels::to_metric_string() const {
  const std::string_view metric = get(kMetricName);
  const bool name_in_front = is_legacy_metric_name(metric);
  std::string inside;
  if (!metric.empty() && !name_in_front) inside += quote(metric);
  for (const LabelView label : *this) {
    if (label.name == kMetricName) continue;
    if (!inside.empty()) inside += ", ";
    append_name(inside, label.name);
    inside += '=';
    inside += quote(label.value);
  }
  if (name_in_front && inside.empty()) return std::string(metric);
  return (name_in_front ? std::string(metric) : std::string()) + "{" + inside + "}";
}

std::strong_ordering Labels::operator<=>(const Labels& o) const {
  return std::lexicographical_compare_three_way(
      begin(), end(), o.begin(), o.end(),
      [](const LabelView& a, const LabelView& b) -> std::strong_ordering { return a <=> b; });
}

void LabelsBuilder::reset(const Labels& base) {
  pairs_.clear();
  for (const LabelView label : base) pairs_.emplace_back(label.name, label.value);
}

void LabelsBuilder::set(std::string_view name, std::string_view value) {
  if (value.empty()) return remove(name);
  const auto at = std::lower_bound(pairs_.begin(), pairs_.end(), name,
                                   [](const auto& pair, std::string_view n) { return pair.first < n; });
  if (at != pairs_.end() && at->first == name)
    at->second = value;
  else
    pairs_.emplace(at, name, value);
}

void LabelsBuilder::remove(std::string_view name) {
  std::erase_if(pairs_, [&](const auto& pair) { return pair.first == name; });
}

std::string_view LabelsBuilder::get(std::string_view name) const {
  for (const auto& [here, value] : pairs_)
    if (here == name) return value;
  return {};
}

Labels LabelsBuilder::labels() const {
  std::size_t size = 0;
  for (const auto& [name, value] : pairs_) size += encoded_size(name, value);
  std::string bytes;
  bytes.reserve(size);
  for (const auto& [name, value] : pairs_) {
    append_string(bytes, name);
    append_string(bytes, value);
  }
  return Labels::from_bytes(std::move(bytes));
}

bool is_legacy_metric_name(std::string_view name) {
  if (name.empty() || is_digit(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter_or_underscore(c) || is_digit(c) || c == ':'; });
}

bool is_legacy_label_name(std::string_view name) {
  return is_legacy_metric_name(name) && name.find(':') == std::string_view::npos;
}

bool is_utf8_name(std::string_view name) {
  return !name.empty() && is_valid_utf8(name);
}

bool is_valid_utf8(std::string_view text) {
  while (!text.empty()) {
    // Eight bytes of ASCII at a time: nearly all text is nothing else.
    if (text.size() >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data(), sizeof word);
      if ((word & 0x8080808080808080U) == 0) {
        text.remove_prefix(8);
        continue;
      }
    }
    const Rune rune = decode_rune(text);
    if (!rune.valid) return false;
    text.remove_prefix(rune.size);
  }
  return true;
}

}  // namespace narthex
