// RangeQueryClient: range queries at a server that speaks Prometheus' HTTP API.
//
// Threads: one at a time; query() blocks.
// Source: github.com/prometheus/client_golang/api, whose error texts promtool prints
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::apps {

struct RangeQuery {
  std::string expr;
  Timestamp start = 0;
  Timestamp end = 0;
  DurationMs step = 0;
};

struct RangeSample {
  Timestamp t;
  double v;
};

struct RangeSeries {
  Labels labels;
  std::vector<RangeSample> samples;
};

struct RangeAnswer {
  std::vector<RangeSeries> series;
  std::vector<std::string> warnings;
  std::uint64_t histograms = 0;  ///< samples that are native histograms; they are not among the others
};

/// What an answer's body says. Errors: invalid (not JSON, not a matrix, an error of the server).
/// @param status  of HTTP
Result<RangeAnswer> read_range_answer(int status, const std::string& body);

class RangeQueryClient {
 public:
  /// @param url  `http://host:port/prefix`; the scheme may be left out
  /// Errors: invalid, io (certificates).
  static Result<RangeQueryClient> make(const std::string& url, config::HttpConfig http);
  RangeQueryClient(RangeQueryClient&&) noexcept;
  RangeQueryClient& operator=(RangeQueryClient&&) noexcept;
  ~RangeQueryClient();

  /// Errors: as read_range_answer(), and timeout, io, limit.
  Result<RangeAnswer> query(const RangeQuery& query);

 private:
  struct Impl;
  explicit RangeQueryClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::apps
