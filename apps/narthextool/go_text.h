// Numbers, durations and tables as Go's libraries print them: promtool's output, to the letter.
//
// Threads: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"

namespace narthex::apps {

/// time.Duration's String(): "1h0m15.001s", "124ms", "0s".
std::string go_duration(std::chrono::nanoseconds duration);
/// The same of `end` - `begin` in milliseconds, wrapping as Go's integers do.
std::string go_duration_between(std::int64_t begin, std::int64_t end);
/// time.ParseDuration: "1h30m", "1.5h", "-250ms"; no days. Errors: invalid, with Go's text.
Result<std::chrono::nanoseconds> parse_go_duration(std::string_view text);
/// time.Time's String() in UTC, whole seconds: "2023-11-14 22:13:20 +0000 UTC".
std::string go_time(std::int64_t seconds);
/// Base2Bytes' String(): every unit that is not zero, "1GiB512KiB3B".
std::string base2_bytes(std::int64_t bytes);
/// A string of JSON, with its quotes, as encoding/json writes it: <, > and & are escaped.
std::string go_json_string(std::string_view text);

/// Rows with columns of equal width, the last one ragged: text/tabwriter with least width 13 and
/// two blanks between columns.
class TextTable {
 public:
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace narthex::apps
