// Labels: one series' identity, a sorted list of (name, value) pairs in one buffer.
//
// In memory, per pair in ascending byte order of names:
//   length of name | name | length of value | value
// where a length is one byte 0..254, or 255 followed by three bytes little-endian. This is
// Prometheus' own layout (its "stringlabels"), so that XXH64 of the buffer is the hash that
// limit_ratio and target offsets depend on. An empty value means "no such label" and is
// never stored. Names are unique.
//
// Threads: values; share like any value. Views from it are valid while it lives unchanged.
#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace narthex {

inline constexpr std::string_view kMetricName = "__name__";
inline constexpr std::string_view kBucketLabel = "le";
inline constexpr std::string_view kInstanceLabel = "instance";
inline constexpr std::string_view kJobLabel = "job";
inline constexpr std::string_view kAlertName = "alertname";
inline constexpr std::string_view kTypeLabel = "__type__";
inline constexpr std::string_view kUnitLabel = "__unit__";

struct LabelView {
  std::string_view name;
  std::string_view value;
  auto operator<=>(const LabelView&) const = default;
};

class Labels {
 public:
  class Iterator {
   public:
    using value_type = LabelView;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    Iterator() = default;
    explicit Iterator(const char* at) : at_(at) {}
    LabelView operator*() const;
    Iterator& operator++();
    Iterator operator++(int) {
      auto old = *this;
      ++*this;
      return old;
    }
    bool operator==(const Iterator&) const = default;

   private:
    const char* at_ = nullptr;
  };

  Labels() = default;
  /// Sorts, drops empty values; a repeated name keeps its last value.
  Labels(std::initializer_list<LabelView> pairs);
  static Labels from_pairs(std::vector<LabelView> pairs);
  /// Trusts `bytes` to be in this class' layout: from LabelsBuilder or another Labels.
  static Labels from_bytes(std::string bytes) {
    Labels l;
    l.bytes_ = std::move(bytes);
    return l;
  }
  /// Adds a pair to bytes in this layout. Its name comes after those there are, its value is not empty.
  static void append_pair(std::string& bytes, std::string_view name, std::string_view value);

  [[nodiscard]] Iterator begin() const { return Iterator(bytes_.data()); }
  [[nodiscard]] Iterator end() const { return Iterator(bytes_.data() + bytes_.size()); }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  /// Walks the buffer.
  [[nodiscard]] std::size_t count() const;
  /// The value, or "" if there is no such label. Valid while this lives.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  /// XXH64, seed 0, of bytes(): what Prometheus' Labels.Hash() gives.
  [[nodiscard]] std::uint64_t hash() const;
  [[nodiscard]] const std::string& bytes() const { return bytes_; }
  /// {__name__="up", job="x"} as Prometheus' Labels.String(): `{__name__="up", job="x"}`.
  [[nodiscard]] std::string to_string() const;
  /// As series are written in PromQL results: `up{job="x"}`; UTF-8 names quoted.
  [[nodiscard]] std::string to_metric_string() const;

  bool operator==(const Labels&) const = default;
  /// Prometheus' labels.Compare: pair by pair, name then value; a prefix is smaller.
  std::strong_ordering operator<=>(const Labels& o) const;

 private:
  std::string bytes_;
};

/// Edits a copy of some labels. Setting an empty value deletes. Reusable through reset().
class LabelsBuilder {
 public:
  LabelsBuilder() = default;
  explicit LabelsBuilder(const Labels& base) { reset(base); }
  void reset() { pairs_.clear(); }
  void reset(const Labels& base);
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  /// Valid until the next edit.
  [[nodiscard]] std::string_view get(std::string_view name) const;
  /// In no particular order until labels() was called.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs() const { return pairs_; }
  [[nodiscard]] Labels labels() const;

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// [a-zA-Z_:][a-zA-Z0-9_:]*
bool is_legacy_metric_name(std::string_view name);
/// [a-zA-Z_][a-zA-Z0-9_]*
bool is_legacy_label_name(std::string_view name);
/// Non-empty, well-formed UTF-8: what the utf8 validation scheme accepts as any name.
bool is_utf8_name(std::string_view name);
bool is_valid_utf8(std::string_view text);
/// Go's strconv.Quote.
std::string quote(std::string_view text);

}  // namespace narthex
