// BodyEncoder: an answer's body on its way out, piece by piece, compressed if wished.
//
// Threads: one at a time; next() computes (JSON, deflate) and belongs on the pool.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "web/server/message.h"

namespace narthex::web {

enum class ContentCoding : std::uint8_t { identity, gzip, deflate };

/// The first of gzip and deflate in Accept-Encoding that is not refused with q=0.
ContentCoding choose_coding(std::string_view accept_encoding);

class BodyEncoder {
 public:
  /// Takes the body or the pieces of `response`.
  BodyEncoder(Response& response, ContentCoding coding);
  ~BodyEncoder();

  /// Appends what is next to `out`; false when the body is complete.
  bool next(std::string& out);

 private:
  struct Deflater;
  std::string whole_;
  BodyPieces pieces_;
  std::string scratch_;
  std::unique_ptr<Deflater> deflater_;
};

}  // namespace narthex::web
