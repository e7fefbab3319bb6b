#include "tsdb/chunk/encoding.h"

namespace narthex::tsdb {
namespace {

const char* writer_of(std::uint8_t encoding) {
  switch (static_cast<ChunkEncoding>(encoding)) {
    case ChunkEncoding::xor_floats:
      return "floats, every Prometheus";
    case ChunkEncoding::histogram:
      return "native histograms, Prometheus 2.40 and later";
    case ChunkEncoding::float_histogram:
      return "native float histograms, Prometheus 2.40 and later";
    case ChunkEncoding::xor2_floats:
      return "floats as XOR2, Prometheus 3.11 and later";
    case ChunkEncoding::histogram_st:
      return "native histograms with start timestamps, Prometheus 3.14 and later";
    case ChunkEncoding::float_histogram_st:
      return "native float histograms with start timestamps, Prometheus 3.14 and later";
  }
  return "unknown, written by something newer than Prometheus 3.14";
}

}  // namespace

std::string describe_encoding(std::uint8_t encoding) {
  return "encoding " + std::to_string(encoding) + " (" + writer_of(encoding) + ")";
}

}  // namespace narthex::tsdb
