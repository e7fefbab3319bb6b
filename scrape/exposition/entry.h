// Entry: one line of an exposition, as views into the body.
//
// Threads: values. Views are valid while the ScrapeBody is unchanged.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/time.h"
#include "scrape/exposition/metric_type.h"

namespace narthex::scrape {

enum class EntryKind : std::uint8_t {
  series,   ///< a sample
  type,     ///< # TYPE
  help,     ///< # HELP
  unit,     ///< # UNIT (OpenMetrics)
  comment,  ///< any other comment (text format)
  end,      ///< nothing follows
};

/// Only the fields of its kind mean something.
struct Entry {
  EntryKind kind = EntryKind::end;
  // A series:
  std::string_view series_text;        ///< name and labels as they stand: the key of a series cache
  std::string_view value_text;         ///< see parse_value()
  std::optional<Timestamp> timestamp;  ///< the sample's own
  std::string_view exemplar_text;      ///< `{labels} value [timestamp]`, checked; empty: none
  // Metadata:
  std::string_view name;  ///< the metric family, raw: quoted names may hold escapes
  std::string_view text;  ///< help, unit or comment, raw: help may hold escapes
  MetricType type = MetricType::unknown;
};

}  // namespace narthex::scrape
