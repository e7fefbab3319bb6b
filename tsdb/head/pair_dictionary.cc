#include "tsdb/head/pair_dictionary.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <utility>

#include "model/check.h"

namespace narthex::tsdb {

std::span<const std::byte> hash_secret() {
  static const auto secret = [] {
    std::array<std::uint32_t, 192 / sizeof(std::uint32_t)> words{};
    std::random_device random;
    for (auto& w : words) w = random();
    return words;
  }();
  return std::as_bytes(std::span(secret));
}

PairDictionary::PairDictionary() = default;

std::uint64_t PairDictionary::hash(NameNumber name, std::string_view value) {
  static const std::span<const std::byte> secret = hash_secret();
  const std::uint64_t h = XXH3_64bits_withSecret(value.data(), value.size(), secret.data(), secret.size());
  return (h ^ name) * 0x9e37'79b9'7f4a'7c15;
}

NameNumber PairDictionary::find_name(std::string_view name) const {
  const auto at = name_numbers_.find(name);
  return at == name_numbers_.end() ? kNoNumber : at->second;
}

PairNumber PairDictionary::find(NameNumber name, std::string_view value) const {
  return table_.find(hash(name, value),
                     [&](PairNumber p) { return pairs_[p].name == name && this->value(p) == value; });
}

PairNumber PairDictionary::find(std::string_view name, std::string_view value) const {
  const NameNumber n = find_name(name);
  return n == kNoNumber ? kNoNumber : find(n, value);
}

PairNumber PairDictionary::acquire(std::string_view name, std::string_view value, PairNumber guess) {
  const bool is_name_right = has_pair(guess) && name_text(name_of(guess)) == name;
  if (is_name_right && this->value(guess) == value) {
    ++pairs_[guess].users;
    return guess;
  }
  const NameNumber n = is_name_right ? name_of(guess) : acquire_name(name);
  PairNumber number = find(n, value);
  if (number != kNoNumber) {
    ++pairs_[number].users;
    return number;
  }
  if (free_pairs_.empty()) {
    number = static_cast<PairNumber>(pairs_.size());
    pairs_.emplace_back();
  } else {
    number = free_pairs_.back();
    free_pairs_.pop_back();
  }
  Pair& p = pairs_[number];
  p.text = text_.store(value);
  p.length = static_cast<std::uint32_t>(value.size());
  p.name = n;
  p.users = 1;
  p.place = static_cast<std::uint32_t>(names_[n].pairs.size());
  names_[n].pairs.push_back(number);
  table_.insert(hash(n, value), number);
  return number;
}

void PairDictionary::release(PairNumber number) {
  Pair& p = pairs_[number];
  debug_check(p.users > 0, "a label pair was released twice");
  if (--p.users > 0) return;
  debug_check(p.postings.empty(), "a released label pair still has series");
  table_.erase(hash(p.name, value(number)), number);
  text_.live -= p.length;

  Name& n = names_[p.name];
  n.pairs[p.place] = n.pairs.back();
  pairs_[n.pairs[p.place]].place = p.place;
  n.pairs.pop_back();
  if (n.pairs.empty()) {
    name_numbers_.erase(*n.text);
    n = Name{};
    free_names_.push_back(p.name);
  }
  p = Pair{};
  free_pairs_.push_back(number);
}

NameNumber PairDictionary::acquire_name(std::string_view name) {
  if (const NameNumber known = find_name(name); known != kNoNumber) return known;
  NameNumber number;
  if (free_names_.empty()) {
    number = static_cast<NameNumber>(names_.size());
    names_.emplace_back();
  } else {
    number = free_names_.back();
    free_names_.pop_back();
  }
  names_[number].text = std::make_unique<std::string>(name);
  name_numbers_.emplace(*names_[number].text, number);
  return number;
}

void PairDictionary::reserve(std::uint32_t names, std::uint32_t pairs) {
  names_.reserve(names);
  pairs_.reserve(pairs);
  table_.reserve(pairs);
}

void PairDictionary::restore_name(std::optional<std::string_view> name) {
  const auto number = static_cast<NameNumber>(names_.size());
  names_.emplace_back();
  if (!name || name_numbers_.contains(*name)) {
    free_names_.push_back(number);
    return;
  }
  names_[number].text = std::make_unique<std::string>(*name);
  name_numbers_.emplace(*names_[number].text, number);
}

bool PairDictionary::restore_pair(NameNumber name, std::string_view value) {
  const auto number = static_cast<PairNumber>(pairs_.size());
  Pair& p = pairs_.emplace_back();
  if (name == kNoNumber) {
    free_pairs_.push_back(number);
    return true;
  }
  if (!has_name(name) || find(name, value) != kNoNumber) return false;
  p.text = text_.store(value);
  p.length = static_cast<std::uint32_t>(value.size());
  p.name = name;
  p.place = static_cast<std::uint32_t>(names_[name].pairs.size());
  names_[name].pairs.push_back(number);
  table_.insert(hash(name, value), number);
  return true;
}

void PairDictionary::restore_users(PairNumber pair, std::uint32_t users) {
  pairs_[pair].users = users;
  if (users > 0) return;
  pairs_[pair].users = 1;
  release(pair);
}

void PairDictionary::finish_restore() {
  // A name that lost all its pairs is free by now; one that never had any is not.
  for (NameNumber n = 0; n < names_.size(); ++n) {
    if (!names_[n].text || !names_[n].pairs.empty()) continue;
    name_numbers_.erase(*names_[n].text);
    names_[n] = Name{};
    free_names_.push_back(n);
  }
}

const char* PairDictionary::TextArena::store(std::string_view text) {
  static constexpr std::size_t kBlock = 64 * 1024;
  if (size - used < text.size()) {
    size = std::max(kBlock, text.size());
    blocks.push_back(std::make_unique_for_overwrite<char[]>(size));
    used = 0;
    bytes += size;
  }
  char* at = blocks.empty() ? nullptr : blocks.back().get() + used;
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  used += text.size();
  live += text.size();
  return at;
}

void PairDictionary::compact() {
  static constexpr std::size_t kWorthIt = 1 << 20;
  if (text_.bytes < kWorthIt || text_.live * 2 > text_.bytes) return;
  TextArena fresh;
  for (Pair& p : pairs_) {
    if (p.users > 0) p.text = fresh.store({p.text, p.length});
  }
  text_ = std::move(fresh);
}

std::size_t PairDictionary::size_bytes() const {
  std::size_t bytes = pairs_.capacity() * sizeof(Pair) + free_pairs_.capacity() * sizeof(PairNumber) +
                      names_.capacity() * sizeof(Name) + table_.size_bytes() + text_.bytes;
  for (const Name& n : names_) {
    bytes += n.pairs.capacity() * sizeof(PairNumber);
    if (n.text) bytes += sizeof(std::string) + n.text->capacity();
  }
  return bytes;
}

std::size_t PairDictionary::postings_bytes() const {
  std::size_t bytes = 0;
  for (const Pair& p : pairs_) bytes += p.postings.heap_bytes();
  return bytes;
}

void PairDictionary::optimize_postings() {
  for (Pair& p : pairs_) p.postings.optimize();
}

}  // namespace narthex::tsdb
