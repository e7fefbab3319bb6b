#include "web/server/body_encoder.h"

#include <zlib.h>

#include <array>

#include "model/check.h"

namespace narthex::web {

namespace {

/// Level 1 costs a third of the default's time for a tenth more bytes on API answers.
constexpr int kLevel = 1;
constexpr int kWindowBits = 15;
constexpr int kGzipFlag = 16;
constexpr int kMemLevel = 8;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

bool is_refused(std::string_view parameters) {
  const std::size_t q = parameters.find("q=");
  if (q == std::string_view::npos) return false;
  const std::string_view weight = trimmed(parameters.substr(q + 2));
  return weight.find_first_of("123456789") == std::string_view::npos;
}

}  // namespace

ContentCoding choose_coding(std::string_view accept_encoding) {
  for (std::size_t at = 0; at < accept_encoding.size();) {
    const std::size_t comma = std::min(accept_encoding.find(',', at), accept_encoding.size());
    const std::string_view item = accept_encoding.substr(at, comma - at);
    const std::size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view name = trimmed(item.substr(0, semicolon));
    if (!is_refused(item.substr(semicolon))) {
      if (name == "gzip") return ContentCoding::gzip;
      if (name == "deflate") return ContentCoding::deflate;
    }
    at = comma + 1;
  }
  return ContentCoding::identity;
}

struct BodyEncoder::Deflater {
  explicit Deflater(ContentCoding coding) {
    const int window = kWindowBits + (coding == ContentCoding::gzip ? kGzipFlag : 0);
    const int status = deflateInit2(&stream, kLevel, Z_DEFLATED, window, kMemLevel, Z_DEFAULT_STRATEGY);
    check(status == Z_OK, "zlib starts");
  }
  ~Deflater() { deflateEnd(&stream); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  void feed(std::string_view in, bool last, std::string& out) {
    std::array<unsigned char, 16 * 1024> buffer;
    // zlib's interface is not const-correct: it only reads.
    stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(in.data()));
    stream.avail_in = static_cast<unsigned>(in.size());
    do {
      stream.next_out = buffer.data();
      stream.avail_out = static_cast<unsigned>(buffer.size());
      const int status = deflate(&stream, last ? Z_FINISH : Z_SYNC_FLUSH);
      check(status != Z_STREAM_ERROR, "zlib goes on");
      out.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }

  z_stream stream{};
};

BodyEncoder::BodyEncoder(Response& response, ContentCoding coding)
    : whole_(std::move(response.body)), pieces_(std::move(response.pieces)) {
  if (coding != ContentCoding::identity) deflater_ = std::make_unique<Deflater>(coding);
}

BodyEncoder::~BodyEncoder() = default;

bool BodyEncoder::next(std::string& out) {
  if (!pieces_) {
    if (deflater_) {
      deflater_->feed(whole_, true, out);
    } else {
      out += whole_;
    }
    return false;
  }
  if (!deflater_) return pieces_(out);
  scratch_.clear();
  const bool more = pieces_(scratch_);
  deflater_->feed(scratch_, !more, out);
  return more;
}

}  // namespace narthex::web
