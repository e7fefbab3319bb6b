#include "tsdb/wal/record_parts.h"

#include <string_view>
#include <utility>

namespace narthex::tsdb {
namespace {

/// Lengths in Labels have three bytes.
constexpr std::uint64_t kMaxLabelTextBytes = (1 << 24) - 1;
/// A length up to here is one byte, in records as in Labels.
constexpr std::size_t kMostOfOneByte = 127;

}  // namespace

std::unexpected<Error> ends_in_entry(const char* kind, std::size_t entry) {
  return fail(Code::corruption, std::string(kind) + " record ends inside its entry " + std::to_string(entry));
}

std::unexpected<Error> wrong_record_type(const char* want, io::Bytes record) {
  return fail(Code::corruption,
              std::string("not a ") + want + " record: its type byte is " +
                  (record.empty() ? "missing" : std::to_string(std::to_integer<int>(record[0]))));
}

void put_labels(std::vector<std::byte>& out, const Labels& labels) {
  put_uvarint(out, labels.count());
  for (const LabelView label : labels) {
    put_text(out, label.name);
    put_text(out, label.value);
  }
}

/// Labels in a record are sorted, unless something else than Prometheus wrote them. Then, and
/// with empty values, the slow way sets them right.
Result<Labels> take_labels(ByteReader& in) {
  const std::uint64_t count = in.uvarint();
  const ByteReader start = in;
  std::string_view last;
  bool sorted = true;
  bool is_short = true;
  std::size_t plain_bytes = 0;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view name = in.text();
    const std::string_view value = in.text();
    if (name.size() > kMaxLabelTextBytes || value.size() > kMaxLabelTextBytes)
      return fail(Code::limit, "a label in a record is longer than 16 MiB");
    sorted = sorted && last < name && !value.empty();
    last = name;
    is_short = is_short && name.size() <= kMostOfOneByte && value.size() <= kMostOfOneByte;
    plain_bytes += name.size() + value.size() + 2;
  }
  if (!in.ok()) return fail(Code::corruption, "labels end early");
  const io::Bytes all = start.rest().first(start.left() - in.left());
  if (sorted && is_short && plain_bytes == all.size())
    return Labels::from_bytes(std::string(io::as_text(all)));
  ByteReader again = start;
  std::string bytes;
  std::vector<LabelView> pairs;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view name = again.text();
    const std::string_view value = again.text();
    if (sorted)
      Labels::append_pair(bytes, name, value);
    else
      pairs.push_back({name, value});
  }
  return sorted ? Labels::from_bytes(std::move(bytes)) : Labels::from_pairs(std::move(pairs));
}

}  // namespace narthex::tsdb
