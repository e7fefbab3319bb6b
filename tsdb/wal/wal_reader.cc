#include "tsdb/wal/compression.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

/// Pages of a segment are let go after so many bytes: they are read once.
constexpr std::uint64_t kReleaseAfter = std::uint64_t{16} << 20;

}  // namespace

struct WalReader::Impl {
  Impl(std::shared_ptr<const io::Mapping> m, std::uint32_t s, OnDamage d)
      : mapping(std::move(m)),
        segment(s),
        damaged(std::move(d)),
        scanner(mapping ? mapping->bytes() : io::Bytes{},
                [this](std::uint64_t at, std::uint64_t bytes, const std::string& why) {
                  report(at, bytes, why);
                }) {}

  std::optional<RawRecord> next() {
    if (offset - released >= kReleaseAfter) {
      mapping->release_pages();
      released = offset;
    }
    const auto record = scanner.next();
    if (record) offset = record->end;
    return record;
  }

  void report(std::uint64_t at, std::uint64_t bytes, const std::string& why) const {
    if (damaged) damaged({segment, at}, bytes, why);
  }

  std::shared_ptr<const io::Mapping> mapping;  ///< null for an empty file
  std::uint32_t segment;
  OnDamage damaged;
  RecordScanner scanner;
  RecordDecompressor decompressor;
  std::uint64_t offset = 0;    ///< behind the last record
  std::uint64_t released = 0;  ///< pages up to here
};

WalReader::WalReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WalReader::~WalReader() = default;
WalReader::WalReader(WalReader&&) noexcept = default;

Result<WalReader> WalReader::open(io::FileSystem& fs, const std::string& path, std::uint32_t segment,
                                  OnDamage damaged) {
  auto size = fs.file_size(path);
  if (!size) return pass(size, "opening WAL segment");
  std::unique_ptr<io::Mapping> mapping;
  if (*size > 0) {
    auto mapped = fs.map(path);
    if (!mapped) return pass(mapped, "opening WAL segment");
    mapping = *std::move(mapped);
  }
  return WalReader(std::make_unique<Impl>(std::move(mapping), segment, std::move(damaged)));
}

std::optional<io::Bytes> WalReader::next() {
  while (const auto record = impl_->next()) {
    const auto whole = impl_->decompressor.decompress(record->flag, record->data);
    if (whole) return *whole;
    impl_->report(record->offset, record->end - record->offset, whole.error().text);
  }
  return std::nullopt;
}

std::optional<RawRecord> WalReader::next_packed() {
  return impl_->next();
}

std::shared_ptr<const io::Mapping> WalReader::file() const {
  return impl_->mapping;
}

WalPosition WalReader::position() const {
  return {impl_->segment, impl_->offset};
}

}  // namespace narthex::tsdb
