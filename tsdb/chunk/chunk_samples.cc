#include "tsdb/chunk/chunk_samples.h"

#include <string>
#include <utility>

#include "tsdb/chunk/encoding.h"
#include "tsdb/chunk/histogram_chunk.h"
#include "tsdb/chunk/histogram_resolution.h"
#include "tsdb/chunk/xor2_chunk.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {
namespace {

std::unexpected<Error> unknown_encoding(std::uint8_t encoding) {
  return fail(Code::corruption, "chunk has " + describe_encoding(encoding));
}

/// `st` follows `t` once one sample has a start: zeros up to `size`.
void fill_starts(std::vector<Timestamp>& st, std::size_t size) {
  if (!st.empty()) st.resize(size, 0);
}

/// The start of the sample just added to `t`.
void add_start(std::vector<Timestamp>& st, const std::vector<Timestamp>& t, Timestamp start) {
  if (start == 0 && st.empty()) return;
  st.resize(t.size(), 0);
  st.back() = start;
}

CounterResetHint without_no_reset(CounterResetHint header) {
  // That chunk before it may be gone, or not the one it was.
  return header == CounterResetHint::not_reset ? CounterResetHint::unknown : header;
}

template <class Coder>
Result<void> read_all(io::Bytes chunk, bool with_start, ChunkSamples& out,
                      std::vector<typename Coder::Sample>& histograms) {
  HistogramChunkReader<Coder> reader(chunk, with_start);
  while (reader.next()) {
    typename Coder::Sample& h = histograms.emplace_back();
    reader.get(h);
    h.hint = out.t.empty() ? without_no_reset(reader.hint()) : reader.hint();
    out.t.push_back(reader.t());
    add_start(out.st, out.t, reader.st());
  }
  return reader.status();
}

template <class Coder>
Result<void> read_range(io::Bytes chunk, bool with_start, TimeRange range, storage::SampleColumns& out) {
  HistogramChunkReader<Coder> reader(chunk, with_start);
  bool first = true;
  while (reader.next()) {
    const bool leads = std::exchange(first, false);
    if (reader.t() > range.maxt) return {};
    if (reader.t() < range.mint) continue;
    FloatHistogram& h = out.histograms.emplace_back(out.t.size(), FloatHistogram{}).value;
    reader.get(h);
    h.hint = reader.hint();
    // Whether the chunk began with a reset is only true of the chunk that was before it then.
    if (leads && h.hint != CounterResetHint::gauge) h.hint = CounterResetHint::unknown;
    if (h.schema > kFinestSchema) reduce_resolution(h, kFinestSchema);
    out.t.push_back(reader.t());
    out.v.push_back(0);
    add_start(out.st, out.t, reader.st());
  }
  return reader.status();
}

}  // namespace

void ChunkSamples::clear() {
  t.clear();
  st.clear();
  v.clear();
  histograms.clear();
  float_histograms.clear();
}

Result<void> decode_samples(std::uint8_t encoding, io::Bytes chunk, ChunkSamples& out) {
  out.clear();
  switch (static_cast<ChunkEncoding>(encoding)) {
    case ChunkEncoding::xor_floats:
      out.kind = SampleKind::floats;
      return xor_decode(chunk, {}, out.t, out.v);
    case ChunkEncoding::xor2_floats:
      out.kind = SampleKind::floats;
      return xor2_decode(chunk, {}, out.t, out.st, out.v);
    case ChunkEncoding::histogram:
    case ChunkEncoding::histogram_st:
      out.kind = SampleKind::histograms;
      return read_all<IntHistogramCoder>(chunk, keeps_start(encoding), out, out.histograms);
    case ChunkEncoding::float_histogram:
    case ChunkEncoding::float_histogram_st:
      out.kind = SampleKind::float_histograms;
      return read_all<FloatHistogramCoder>(chunk, keeps_start(encoding), out, out.float_histograms);
    default:
      return unknown_encoding(encoding);
  }
}

Result<void> decode_chunk(std::uint8_t encoding, io::Bytes chunk, TimeRange range,
                          storage::SampleColumns& out) {
  switch (static_cast<ChunkEncoding>(encoding)) {
    case ChunkEncoding::xor_floats: {
      auto done = xor_decode(chunk, range, out.t, out.v);
      fill_starts(out.st, out.t.size());
      return done;
    }
    case ChunkEncoding::xor2_floats: {
      auto done = xor2_decode(chunk, range, out.t, out.st, out.v);
      fill_starts(out.st, out.t.size());
      return done;
    }
    case ChunkEncoding::histogram:
    case ChunkEncoding::histogram_st:
      return read_range<IntHistogramCoder>(chunk, keeps_start(encoding), range, out);
    case ChunkEncoding::float_histogram:
    case ChunkEncoding::float_histogram_st:
      return read_range<FloatHistogramCoder>(chunk, keeps_start(encoding), range, out);
    default:
      return unknown_encoding(encoding);
  }
}

}  // namespace narthex::tsdb
