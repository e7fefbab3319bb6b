#include "tsdb/wal/compression.h"
#include "tsdb/wal/wal.h"

namespace narthex::tsdb {
namespace {

/// Pages of a segment are let go after so many bytes: they are read once.
constexpr std::uint64_t kReleaseAfter = std::uint64_t{16} << 20;

}  // namespace

struct WalReader::Impl {
  Impl(std::unique_ptr<io::Mapping> m, std::uint32_t s, OnDamage d)
      : mapping(std::move(m)),
        segment(s),
        damaged(std::move(d)),
        scanner(mapping ? mapping->bytes() : io::Bytes{},
                [this](std::uint64_t at, std::uint64_t bytes, const std::string& why) {
                  report(at, bytes, why);
                }) {}

  /// Goes on to the next record that unpack() takes.
  template <class Unpack>
  void next(Unpack&& unpack) {
    if (offset - released >= kReleaseAfter) {
      mapping->release_pages();
      released = offset;
    }
    while (const auto record = scanner.next()) {
      offset = record->end;
      const Result<void> unpacked = unpack(*record);
      if (unpacked) return;
      report(record->offset, record->end - record->offset, unpacked.error().text);
    }
  }

  void report(std::uint64_t at, std::uint64_t bytes, const std::string& why) const {
    if (damaged) damaged({segment, at}, bytes, why);
  }

  std::unique_ptr<io::Mapping> mapping;  ///< null for an empty file
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
  std::optional<io::Bytes> found;
  impl_->next([&](const RawRecord& record) -> Result<void> {
    auto whole = impl_->decompressor.decompress(record.flag, record.data);
    if (!whole) return pass(whole);
    found = *whole;
    return {};
  });
  return found;
}

std::optional<std::size_t> WalReader::next(std::vector<std::byte>& buffer, std::size_t at) {
  std::optional<std::size_t> size;
  impl_->next([&](const RawRecord& record) -> Result<void> {
    auto whole = impl_->decompressor.decompress(record.flag, record.data, buffer, at);
    if (!whole) return pass(whole);
    size = *whole;
    return {};
  });
  return size;
}

WalPosition WalReader::position() const {
  return {impl_->segment, impl_->offset};
}

}  // namespace narthex::tsdb
