// ChunkBuilder: samples of one series, of any kind, into chunks.
//
// Begins a new chunk where Prometheus' head does: at a change of kind, schema, zero threshold or
// custom bounds, at a counter reset, at 120 samples (histograms: 1,024 bytes, but not below 10
// samples; see tsdb/head_append.go), and at multiples of the block range. Buckets that appear are
// added to the open chunk by encoding it anew; buckets that vanish begin a new one where
// Prometheus does so.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "io/file_system.h"
#include "model/histogram.h"
#include "model/time.h"
#include "tsdb/chunk/chunk_samples.h"

namespace narthex::tsdb {

struct ChunkBuilderOptions {
  bool xor2_floats = false;            ///< encoding 4 instead of 1: floats keep start timestamps
  bool histograms_with_start = false;  ///< encodings 5 and 6 instead of 2 and 3
  DurationMs block_range = 0;          ///< chunks do not cross its multiples; 0: no such border
  std::size_t samples_per_chunk = 120;
};

/// An encoded chunk that owns its bytes; both times inclusive.
struct BuiltChunk {
  TimeRange range;
  std::uint8_t encoding = 0;
  std::vector<std::byte> bytes;
};

class ChunkBuilder {
 public:
  explicit ChunkBuilder(const ChunkBuilderOptions& options);
  ~ChunkBuilder();
  ChunkBuilder(ChunkBuilder&&) noexcept;
  ChunkBuilder& operator=(ChunkBuilder&&) noexcept;

  /// Each appends one sample that is newer than all before; a start timestamp of 0 is none, and
  /// one that the encoding cannot keep is dropped.
  /// @return  true if a chunk was begun; the one before it is then in take_finished()
  bool append(Timestamp t, Timestamp st, double v);
  bool append(Timestamp t, Timestamp st, const Histogram& h);
  bool append(Timestamp t, Timestamp st, const FloatHistogram& h);
  /// Sample i of a decoded chunk.
  bool append(const ChunkSamples& samples, std::size_t i);

  /// Goes on with a chunk that was encoded before. Errors: corruption. The builder must be empty.
  Result<void> resume(std::uint8_t encoding, io::Bytes chunk);
  /// Where the open chunk is to end: another builder that resumes it ends it there, too.
  struct Aim {
    Timestamp next_cut = kMaxTime;
    bool predicted = false;
  };
  [[nodiscard]] Aim aim() const;
  void set_aim(const Aim& aim);

  /// Chunks that are complete, oldest first; they leave the builder.
  std::vector<BuiltChunk> take_finished();
  /// The open chunk becomes a finished one.
  void finish();

  /// The open chunk as it stands; complete after every append, valid until the next one.
  [[nodiscard]] bool has_open() const;
  [[nodiscard]] io::Bytes open_bytes() const;
  [[nodiscard]] std::uint8_t open_encoding() const;
  [[nodiscard]] TimeRange open_range() const;
  [[nodiscard]] std::size_t open_count() const;
  /// Heap bytes of the builder, for memory accounting.
  [[nodiscard]] std::size_t size_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::tsdb
