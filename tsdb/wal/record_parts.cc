#include "tsdb/wal/record_parts.h"

#include <string_view>
#include <utility>

namespace narthex::tsdb {
namespace {

/// Lengths in Labels have three bytes.
constexpr std::uint64_t kMaxLabelTextBytes = (1 << 24) - 1;

/// Appends one text in the layout of Labels.
void append_label_text(std::string& out, std::string_view text) {
  if (text.size() < 255) {
    out.push_back(static_cast<char>(text.size()));
  } else {
    const char length[] = {static_cast<char>(255), static_cast<char>(text.size()),
                           static_cast<char>(text.size() >> 8), static_cast<char>(text.size() >> 16)};
    out.append(length, sizeof length);
  }
  out.append(text);
}

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
Result<Labels> take_labels(ByteReader& in, std::string& scratch) {
  const std::uint64_t count = in.uvarint();
  const ByteReader start = in;
  scratch.clear();
  std::string_view last;
  bool sorted = true;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view name = in.text();
    const std::string_view value = in.text();
    if (name.size() > kMaxLabelTextBytes || value.size() > kMaxLabelTextBytes)
      return fail(Code::limit, "a label in a record is longer than 16 MiB");
    sorted = sorted && last < name && !value.empty();
    last = name;
    append_label_text(scratch, name);
    append_label_text(scratch, value);
  }
  if (!in.ok()) return fail(Code::corruption, "labels end early");
  if (sorted) return Labels::from_bytes(scratch);
  std::vector<LabelView> pairs;
  ByteReader again = start;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view name = again.text();
    pairs.push_back({name, again.text()});
  }
  return Labels::from_pairs(std::move(pairs));
}

}  // namespace narthex::tsdb
