// Appender: one batch of samples on its way into a store; visible at once or not at all.
//
// A scrape, a rule's result or a remote-write request takes one appender, resolves label
// sets it has not seen to SeriesRefs, appends, and commits. Destroying an appender that was
// not committed rolls it back.
//
// A store that keeps floats only inherits the refusals of everything else.
//
// Threads: an appender is used by one thread at a time; an Appendable by any.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/histogram.h"
#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"
#include "storage/exemplar.h"
#include "storage/metadata.h"

namespace narthex::storage {

/// Names one series of one store for as long as the store keeps that series; after it was
/// collected, appends by the old ref are refused with AppendFault::unknown_series and the
/// caller resolves the labels again. The bits belong to the store.
enum class SeriesRef : std::uint64_t { none = 0 };

/// Why one sample was refused. Counted, never allocates.
enum class AppendFault : std::uint8_t {
  out_of_order,         ///< older than the series' newest sample
  duplicate_timestamp,  ///< same time as the newest sample, other value
  out_of_bounds,        ///< older than anything the store accepts now, or too far in the future
  too_old,              ///< older than the out-of-order window
  unknown_series,       ///< the ref's series is gone: resolve the labels again
  invalid_labels,       ///< no metric name, bad UTF-8
  limit,                ///< a ceiling on series was reached
  start_out_of_order,   ///< a start timestamp that is not behind the series' newest sample
  start_not_before,     ///< a start timestamp that is not before its own sample
};

struct RefSample {
  SeriesRef ref;
  Timestamp t;
  double v;
};

struct RefusedSample {
  std::size_t index;  ///< position in the order of appended samples of all kinds over the whole batch
  AppendFault fault;
};

struct CommitStats {
  std::size_t appended = 0;
  std::vector<RefusedSample>
      refused;  ///< ascending by index; a duplicate with an equal value counts as appended
};

class Appender {
 public:
  virtual ~Appender() = default;

  /// Finds the series or makes it. A new series becomes visible with the commit.
  virtual Result<SeriesRef, AppendFault> series(const Labels& labels) = 0;

  /// Adds samples to the batch; nothing is checked or visible before commit().
  virtual void append(std::span<const RefSample> samples) = 0;
  void append(SeriesRef ref, Timestamp t, double v) {
    const RefSample one{ref, t, v};
    append({&one, 1});
  }

  /// The same with start timestamps: starts[i], 0 for none, belongs to samples[i]. Kept only where
  /// the store was told to (`st-storage`), else dropped.
  virtual void append(std::span<const RefSample> samples, std::span<const Timestamp> /*starts*/) {
    append(samples);
  }
  /// Adds a native histogram to the batch, with its start timestamp or 0.
  /// Errors: invalid (it contradicts itself; the text says how), unavailable.
  virtual Result<void> append_histogram(SeriesRef /*ref*/, Timestamp /*t*/, AnyHistogram /*value*/,
                                        Timestamp /*st*/ = 0) {
    return fail(Code::unavailable, "this store keeps no native histograms");
  }
  /// Adds a sample of value 0 at `st`, where the counter began, if that lies behind the series'
  /// newest sample; `t` is the time of the sample that brought it and is appended next. One that was
  /// added counts among the samples of the batch, to whose numbers RefusedSample::index refers.
  /// @param like  an empty histogram that looks like this one instead of a 0; null: a 0
  /// @return  whether a sample was added: not if it is there already
  /// Source: Prometheus, feature created-timestamp-zero-ingestion
  virtual Result<bool, AppendFault> append_start_zero(SeriesRef /*ref*/, Timestamp /*t*/, Timestamp /*st*/,
                                                      const AnyHistogram* /*like*/ = nullptr) {
    return false;
  }
  /// Adds an exemplar of the series. Checked at once, stored with the commit.
  virtual Result<void, ExemplarFault> append_exemplar(SeriesRef /*ref*/, const Exemplar& /*exemplar*/) {
    return std::unexpected(ExemplarFault::disabled);
  }
  /// What the series measures; logged with the commit if it is not what was known.
  virtual void set_metadata(SeriesRef /*ref*/, const Metadata& /*metadata*/) {}

  /// Writes the batch to the log, applies it and makes it visible as a whole. Afterwards the
  /// appender is empty and can be used again.
  /// Errors: io (nothing of the batch is kept), unavailable (read-only or shutting down).
  virtual Result<CommitStats> commit() = 0;
  /// Forgets the batch.
  virtual void rollback() = 0;
};

class Appendable {
 public:
  virtual ~Appendable() = default;
  virtual std::unique_ptr<Appender> appender() = 0;
};

}  // namespace narthex::storage
