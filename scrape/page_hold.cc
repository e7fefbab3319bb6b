#include "scrape/page_hold.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>

#include <utility>

namespace narthex::scrape {

bool HoldRoom::take(std::uint64_t bytes) {
  const sync::MutexLock lock(mutex_);
  if (bytes > most_ - used_) return false;
  used_ += bytes;
  metrics_.held_bytes.Set(static_cast<double>(used_));
  return true;
}

void HoldRoom::give_back(std::uint64_t bytes) {
  const sync::MutexLock lock(mutex_);
  used_ -= bytes;
  metrics_.held_bytes.Set(static_cast<double>(used_));
}

void HoldRoom::count_held() {
  metrics_.held.Increment();
}

void HoldRoom::count_dropped() {
  metrics_.held_dropped.Increment();
}

PageHold::~PageHold() {
  while (!pages_.empty()) drop_oldest();
}

void PageHold::add(Page page, std::chrono::nanoseconds now) {
  Held held{std::move(page), now};
  room_.count_held();
  while (!room_.take(held.size_bytes())) {
    if (pages_.empty()) return room_.count_dropped();
    drop_oldest();
  }
  pages_.push_back(std::move(held));
}

std::optional<Page> PageHold::take(std::chrono::nanoseconds now) {
  if (pages_.empty()) return std::nullopt;
  Held held = std::move(pages_.front());
  pages_.pop_front();
  room_.give_back(held.size_bytes());
  held.page.input.start += now - held.since;
  return std::move(held.page);
}

void PageHold::drop_oldest() {
  room_.give_back(pages_.front().size_bytes());
  room_.count_dropped();
  pages_.pop_front();
}

}  // namespace narthex::scrape
