#include "apps/narthex/retention.h"

#include <algorithm>

#include "config/byte_size.h"
#include "model/value.h"

namespace narthex::apps {

tsdb::Retention retention_of(const config::Config& config) {
  const config::RetentionConfig& wanted = config.tsdb.retention;
  return {.time = wanted.time, .size_bytes = wanted.size_bytes, .percentage = wanted.percentage};
}

std::string retention_text(const config::RetentionConfig& retention) {
  std::string text;
  const auto add = [&text](const std::string& limit) { text += (text.empty() ? "" : " or ") + limit; };
  if (retention.time != 0) add(format_duration(retention.time));
  if (retention.size_bytes != 0) add(config::format_byte_size(retention.size_bytes));
  if (retention.percentage != 0) add(format_general(retention.percentage) + "%");
  return text;
}

DurationMs max_block_range(DurationMs flag, DurationMs retention_time) {
  static constexpr DurationMs kMost = 31LL * 24 * 3600 * 1000;
  if (flag > 0) return flag;
  return retention_time == 0 ? kMost : std::min(kMost, retention_time / 10);
}

}  // namespace narthex::apps
