// XOR chunks from arbitrary bytes: decoding stays inside them, and what decodes comes back the
// same through the encoder.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/check.h"
#include "tsdb/chunk/xor_chunk.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;
  using namespace narthex::tsdb;
  // On the heap and of the exact size, so that a read beyond the end is seen.
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  const std::vector<std::byte> chunk(begin, begin + size);
  std::vector<Timestamp> t;
  std::vector<double> v;
  const auto decoded = xor_decode(chunk, {}, t, v);
  check(t.size() == v.size(), "as many times as values");
  const auto resumed = xor_resume(chunk);
  check(decoded.has_value() == resumed.has_value(), "decoding and resuming agree");
  if (!decoded) return 0;

  check(t.size() == xor_count(chunk), "the header says how many samples there are");
  XorState state;
  std::vector<std::byte> bytes((t.size() + 1) * kXorMaxSampleBytes);
  for (std::size_t i = 0; i < t.size(); ++i) xor_append(state, bytes.data(), t[i], v[i]);
  bytes.resize(state.size_bytes());
  std::vector<Timestamp> t2;
  std::vector<double> v2;
  check(xor_decode(bytes, {}, t2, v2).has_value(), "our own bytes decode");
  check(t2 == t, "times come back");
  for (std::size_t i = 0; i < v.size(); ++i)
    check(std::bit_cast<std::uint64_t>(v[i]) == std::bit_cast<std::uint64_t>(v2[i]), "values come back");
  if (resumed && resumed->count < 65'535 && resumed->count > 0) {
    std::vector<std::byte> more = chunk;
    more.resize(std::max(chunk.size(), resumed->size_bytes()) + kXorMaxSampleBytes);
    XorState next = *resumed;
    xor_append(next, more.data(), next.t ^ 1, 1.5);
    more.resize(next.size_bytes());
    t2.clear();
    v2.clear();
    check(xor_decode(more, {}, t2, v2).has_value() && t2.size() == t.size() + 1, "a resumed chunk goes on");
  }
  return 0;
}
