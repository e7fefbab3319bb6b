// JsonWriter: JSON as text, straight into a buffer, with no tree in between.
//
// Commas are its business, nesting is the caller's. Strings are escaped as Go's encoding/json
// does (<, >, & as \u003c..., U+2028, bytes that are no UTF-8); plain_string() leaves <, > and &
// as they are; labels() and raw_string() also everything beyond ASCII.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/labels.h"
#include "model/time.h"

namespace narthex {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);
  /// As plain_string().
  JsonWriter& plain_key(std::string_view name);
  JsonWriter& string(std::string_view text);
  JsonWriter& plain_string(std::string_view text);
  JsonWriter& raw_string(std::string_view text);
  JsonWriter& number(std::int64_t v);
  JsonWriter& number(std::uint64_t v);
  /// As Go's encoder prints a float64; NaN and infinities become null.
  JsonWriter& number(double v);
  JsonWriter& boolean(bool v);
  JsonWriter& null();
  JsonWriter& labels(const Labels& labels);
  /// RFC 3339; 0 is Go's zero time, 0001-01-01T00:00:00Z.
  JsonWriter& time_or_zero(Timestamp t);
  /// `[1435781430.781,"0.5"]`
  JsonWriter& sample(Timestamp t, double v);
  /// Text that is JSON already.
  JsonWriter& raw(std::string_view json);

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  enum class Escape : std::uint8_t { html, unicode, ascii };
  void escaped(std::string_view text, Escape what);

  std::string& out_;
  bool comma_ = false;
};

}  // namespace narthex
