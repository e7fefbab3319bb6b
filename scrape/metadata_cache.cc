#define XXH_INLINE_ALL
#include "scrape/metadata_cache.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "scrape/exposition/parser.h"

namespace narthex::scrape {

namespace {

constexpr std::uint64_t kScrapesKept = 10;

// Equal lines have equal hashes. A wrong match could only keep an old help text, so that no
// secret is needed.
std::uint64_t hash_of(const Entry& entry) {
  const auto kind = static_cast<std::uint64_t>(entry.kind) << 8U | static_cast<std::uint64_t>(entry.type);
  const std::uint64_t name = XXH3_64bits_withSeed(entry.name.data(), entry.name.size(), kind);
  return XXH3_64bits_withSeed(entry.text.data(), entry.text.size(), name);
}

std::size_t size_of(MetricType type, const std::string& help, const std::string& unit) {
  return metric_type_name(type).size() + help.size() + unit.size();
}

}  // namespace

bool MetadataCache::says(const Family& family, const Entry& entry, Format format) {
  switch (entry.kind) {
    case EntryKind::type:
      return family.type == entry.type;
    case EntryKind::help:
      return family.help == unescape_help(entry.text, format);
    case EntryKind::unit:
      return family.unit == entry.text;
    case EntryKind::series:
    case EntryKind::comment:
    case EntryKind::end:
      break;
  }
  return true;
}

void MetadataCache::update(const Entry& entry, Format format) {
  const std::uint64_t hash = hash_of(entry);
  if (expected_ < lines_.size() && lines_[expected_].hash == hash) {
    ++expected_;
    return;
  }
  lines_tell_all_ = false;
  std::string name = unescape_name(entry.name);
  sync::MutexLock lock(mutex_);
  const auto [it, fresh] = families_.try_emplace(std::move(name));
  Family& family = it->second;
  bytes_ -= fresh ? 0 : size_of(family.type, family.help, family.unit);
  const bool changed = fresh || !says(family, entry, format);
  if (entry.kind == EntryKind::type) family.type = entry.type;
  if (entry.kind == EntryKind::help) family.help = unescape_help(entry.text, format);
  if (entry.kind == EntryKind::unit) family.unit = entry.text;
  bytes_ += size_of(family.type, family.help, family.unit);
  family.seen = scrape_;
  if (changed) family.changed = scrape_;
  // From here on this page's order counts.
  drop_lines_behind();
  lines_.push_back({hash, it});
  ++expected_;
}

std::optional<MetadataCache::Told> MetadataCache::told() const {
  if (expected_ == 0) return std::nullopt;
  const auto& [name, family] = *lines_[expected_ - 1].family;
  return Told{name, family.type, family.changed == scrape_};
}

storage::Metadata MetadataCache::metadata() const {
  if (expected_ == 0) return {};
  const Family& family = lines_[expected_ - 1].family->second;
  return {std::string(metric_type_name(family.type)), family.unit, family.help};
}

void MetadataCache::end_scrape(bool accepted) {
  // As nearly always: all families were seen, none can have become old.
  const bool all_seen = lines_tell_all_ && expected_ == lines_.size();
  if (!all_seen) take_lines_of_page();
  if (!all_seen && accepted) {
    drop_lines_behind();
    forget_unseen();
  }
  if (expected_ == lines_.size()) all_met_in_ = scrape_;
  expected_ = 0;
  ++scrape_;
}

/// Tells the families of the lines that were met that they were.
void MetadataCache::take_lines_of_page() {
  for (std::size_t i = 0; i < expected_; ++i) lines_[i].family->second.seen = scrape_;
}

/// Forgets the lines that were not met, and tells their families when they were.
void MetadataCache::drop_lines_behind() {
  for (std::size_t i = expected_; i < lines_.size(); ++i) {
    std::uint64_t& seen = lines_[i].family->second.seen;
    seen = std::max(seen, all_met_in_);
  }
  lines_.resize(expected_, Line{});
}

void MetadataCache::forget_unseen() {
  lines_tell_all_ = true;
  sync::MutexLock lock(mutex_);
  for (auto it = families_.begin(); it != families_.end();) {
    lines_tell_all_ = lines_tell_all_ && it->second.seen == scrape_;
    if (scrape_ - it->second.seen <= kScrapesKept) {
      ++it;
      continue;
    }
    bytes_ -= size_of(it->second.type, it->second.help, it->second.unit);
    it = families_.erase(it);
  }
}

std::vector<std::pair<std::string, MetricMetadata>> MetadataCache::list(const std::string& family) const {
  std::vector<std::pair<std::string, MetricMetadata>> all;
  sync::MutexLock lock(mutex_);
  const auto add = [&](const auto& entry) {
    all.emplace_back(entry.first, MetricMetadata{std::string(metric_type_name(entry.second.type)),
                                                 entry.second.help, entry.second.unit});
  };
  if (family.empty()) {
    for (const auto& entry : families_) add(entry);
  } else if (const auto it = families_.find(family); it != families_.end()) {
    add(*it);
  }
  return all;
}

std::size_t MetadataCache::count() const {
  sync::MutexLock lock(mutex_);
  return families_.size();
}

std::size_t MetadataCache::size_bytes() const {
  sync::MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace narthex::scrape
