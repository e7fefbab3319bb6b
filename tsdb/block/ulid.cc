#include <array>
#include <random>

#include "tsdb/block/block_meta.h"

namespace narthex::tsdb {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t kLength = 26;
constexpr std::size_t kTimeLength = 10;

/// The five bits of a character in either case; -1 for none of the alphabet.
int value_of(char c) {
  if ('a' <= c && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  const std::size_t at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

std::string make_ulid(Timestamp now) {
  std::string ulid(kLength, '0');
  auto time = static_cast<std::uint64_t>(now);
  for (std::size_t i = kTimeLength; i-- > 0; time >>= 5) ulid[i] = kAlphabet[time & 31];
  ulid[0] = kAlphabet[static_cast<std::size_t>(value_of(ulid[0]) & 7)];
  std::random_device random;
  std::uniform_int_distribution<std::size_t> letter(0, kAlphabet.size() - 1);
  for (std::size_t i = kTimeLength; i < kLength; ++i) ulid[i] = kAlphabet[letter(random)];
  return ulid;
}

bool is_ulid(std::string_view name) {
  if (name.size() != kLength || name[0] > '7') return false;
  for (const char c : name)
    if (value_of(c) < 0) return false;
  return true;
}

Timestamp ulid_time(std::string_view ulid) {
  if (!is_ulid(ulid)) return 0;
  std::uint64_t time = 0;
  for (const char c : ulid.substr(0, kTimeLength)) time = time << 5 | static_cast<std::uint64_t>(value_of(c));
  return static_cast<Timestamp>(time);
}

}  // namespace narthex::tsdb
