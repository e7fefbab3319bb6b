#include "tsdb/head/isolation.h"

#include "model/check.h"

namespace narthex::tsdb {

Isolation::Reader Isolation::open_reader() {
  const sync::MutexLock lock(mutex_);
  const Reader reader{next_serial_++, watermark_};
  readers_.emplace_hint(readers_.end(), reader.serial, reader.watermark);
  return reader;
}

void Isolation::close_reader(const Reader& reader) {
  const sync::MutexLock lock(mutex_);
  readers_.erase(reader.serial);
}

Isolation::Commit Isolation::begin_commit() {
  const sync::MutexLock lock(mutex_);
  return {++last_, oldest_locked()};
}

void Isolation::publish(CommitId id) {
  const sync::MutexLock lock(mutex_);
  check(id > watermark_ && id <= last_, "a commit was published that was not begun");
  if (id != watermark_ + 1) {
    applied_.insert(id);
    while (watermark_ < id) advanced_.wait(mutex_);
    return;
  }
  watermark_ = id;
  if (applied_.empty()) return;
  while (!applied_.empty() && *applied_.begin() == watermark_ + 1) {
    ++watermark_;
    applied_.erase(applied_.begin());
  }
  advanced_.notify_all();
}

std::uint64_t Isolation::next_serial() const {
  const sync::MutexLock lock(mutex_);
  return next_serial_;
}

bool Isolation::has_reader_below(std::uint64_t serial) const {
  const sync::MutexLock lock(mutex_);
  return !readers_.empty() && readers_.begin()->first < serial;
}

std::uint64_t Isolation::oldest_serial() const {
  const sync::MutexLock lock(mutex_);
  return readers_.empty() ? next_serial_ : readers_.begin()->first;
}

CommitId Isolation::oldest_watermark() const {
  const sync::MutexLock lock(mutex_);
  return oldest_locked();
}

CommitId Isolation::oldest_locked() const {
  return readers_.empty() ? watermark_ : readers_.begin()->second;
}

void SideRing::push(std::uint32_t ordinal, CommitId commit, Timestamp visible_maxt, CommitId replaced_by) {
  const std::uint64_t number = first_ + states_.size();
  const auto [at, is_new] = newest_.try_emplace(ordinal, number);
  const std::uint64_t older = is_new ? kNone : at->second;
  at->second = number;
  states_.push_back({commit, replaced_by, visible_maxt, older, ordinal});
}

std::optional<Timestamp> SideRing::find(std::uint32_t ordinal, CommitId watermark) const {
  const auto at = newest_.find(ordinal);
  if (at == newest_.end()) return std::nullopt;
  std::optional<Timestamp> found;
  // Newest first: the last state that the reader must not see says where it has to stop.
  for (std::uint64_t number = at->second; number != kNone && number >= first_;) {
    const State& s = states_[number - first_];
    if (s.commit <= watermark) break;
    found = s.visible_maxt;
    number = s.older;
  }
  return found;
}

void SideRing::trim(CommitId oldest_watermark) {
  // A state serves readers below its commit, which is below the commit that replaced it.
  while (!states_.empty() && states_.front().replaced_by <= oldest_watermark + 1) {
    const State& s = states_.front();
    const auto at = newest_.find(s.ordinal);
    if (at != newest_.end() && at->second == first_) newest_.erase(at);
    states_.pop_front();
    ++first_;
  }
}

}  // namespace narthex::tsdb
