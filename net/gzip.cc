#include "net/gzip.h"

#include <libdeflate.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "model/check.h"
#include "net/http.h"

namespace narthex::net {

namespace {

constexpr std::size_t kTrailerBytes = 8;
constexpr std::size_t kMinGzipBytes = 18;
/// Deflate cannot do better: a trailer that claims more lies.
constexpr std::uint64_t kMaxRatio = 1032;
constexpr std::size_t kInflateStep = 64 * 1024;

// The size in the trailer of a body of one member.
std::optional<std::size_t> claimed_size(std::string_view body) {
  if (body.size() < kMinGzipBytes) return std::nullopt;
  unsigned char raw[4];
  std::memcpy(raw, body.data() + body.size() - 4, sizeof raw);
  const std::uint64_t size = std::uint64_t{raw[0]} | std::uint64_t{raw[1]} << 8U |
                             std::uint64_t{raw[2]} << 16U | std::uint64_t{raw[3]} << 24U;
  if (size > (body.size() - kTrailerBytes) * kMaxRatio) return std::nullopt;
  return static_cast<std::size_t>(size);
}

// The fast way, for one member whose trailer tells the truth; nothing if it does not.
bool inflate_whole(std::string_view body, std::size_t size, std::string& out) {
  struct Free {
    void operator()(libdeflate_decompressor* d) const { libdeflate_free_decompressor(d); }
  };
  thread_local const std::unique_ptr<libdeflate_decompressor, Free> decompressor(
      libdeflate_alloc_decompressor());
  if (!decompressor) return false;
  std::size_t read = 0;
  std::size_t written = 0;
  libdeflate_result result = LIBDEFLATE_BAD_DATA;
  out.resize_and_overwrite(size, [&](char* data, std::size_t room) {
    result = libdeflate_gzip_decompress_ex(decompressor.get(), body.data(), body.size(), data, room, &read,
                                           &written);
    return result == LIBDEFLATE_SUCCESS ? written : 0;
  });
  return result == LIBDEFLATE_SUCCESS && read == body.size();
}

class Inflater {
 public:
  Inflater() { check(inflateInit2(&z_, 15 + 16) == Z_OK, "zlib starts: it fails only without memory"); }
  ~Inflater() { inflateEnd(&z_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  z_stream& z() { return z_; }

 private:
  z_stream z_{};
};

std::unexpected<Error> corrupt(const z_stream& z, int result) {
  if (result == Z_BUF_ERROR) return fail(Code::corruption, "unexpected EOF");
  // Prometheus' words, which the target page shows, where it has any.
  const std::string_view reason = z.msg ? z.msg : "invalid data";
  if (reason == "incorrect header check") return fail(Code::corruption, "gzip: invalid header");
  if (reason == "incorrect data check" || reason == "incorrect length check")
    return fail(Code::corruption, "gzip: invalid checksum");
  return fail(Code::corruption, "gzip: " + std::string(reason));
}

// zlib counts input in 32 bits.
void feed(z_stream& z, std::string_view& rest) {
  const std::size_t step = std::min<std::size_t>(rest.size(), 1U << 30U);
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
  z.avail_in = static_cast<uInt>(step);
  rest.remove_prefix(step);
}

Result<std::string> inflate_stream(std::string_view rest, std::uint64_t max_bytes, std::string out) {
  Inflater inflater;
  z_stream& z = inflater.z();
  out.clear();
  feed(z, rest);
  for (;;) {
    if (z.avail_in == 0 && !rest.empty()) feed(z, rest);
    const std::size_t before = out.size();
    int result = Z_OK;
    out.resize_and_overwrite(before + kInflateStep, [&](char* data, std::size_t) {
      z.next_out = reinterpret_cast<Bytef*>(data + before);
      z.avail_out = static_cast<uInt>(kInflateStep);
      result = inflate(&z, Z_NO_FLUSH);
      return before + kInflateStep - z.avail_out;
    });
    if (out.size() > max_bytes) return fail(Code::limit, "body size limit exceeded");
    if (result != Z_OK && result != Z_STREAM_END) return corrupt(z, result);
    if (result != Z_STREAM_END) continue;
    if (z.avail_in == 0 && rest.empty()) return out;
    inflateReset(&z);  // another member follows
  }
}

}  // namespace

Result<std::string> gunzip(std::string_view body, std::uint64_t max_bytes, std::string reuse) {
  const auto size = claimed_size(body);
  if (size && *size <= max_bytes && inflate_whole(body, *size, reuse)) return reuse;
  return inflate_stream(body, max_bytes, std::move(reuse));
}

std::string gzip(std::string_view body) {
  struct Free {
    void operator()(libdeflate_compressor* c) const { libdeflate_free_compressor(c); }
  };
  constexpr int kFastest = 1;
  thread_local const std::unique_ptr<libdeflate_compressor, Free> compressor(
      libdeflate_alloc_compressor(kFastest));
  check(compressor != nullptr, "libdeflate starts: it fails only without memory");
  std::string out;
  const std::size_t bound = libdeflate_gzip_compress_bound(compressor.get(), body.size());
  out.resize_and_overwrite(bound, [&](char* data, std::size_t room) {
    return libdeflate_gzip_compress(compressor.get(), body.data(), body.size(), data, room);
  });
  return out;
}

}  // namespace narthex::net
