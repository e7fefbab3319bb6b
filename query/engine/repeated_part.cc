#include "query/engine/repeated_part.h"

#include <utility>

namespace narthex::query {

class RepeatedPart::Reader final : public VectorOperator {
 public:
  Reader(std::shared_ptr<RepeatedPart> part, Span place, std::uint32_t rank, MakeOwn make_own)
      : part_(std::move(part)), place_(place), rank_(rank), make_own_(std::move(make_own)) {}

  Result<std::vector<SeriesInfo>> open() override {
    return must_evaluate() ? open_own() : part_->open(*this);
  }

  Result<bool> next(StepColumn& out) override {
    if (!own_ && must_evaluate())
      if (auto caught_up = catch_up(out); !caught_up) return pass(caught_up);
    if (own_) return own_->next(out);
    auto more = part_->take(*this, taken_, out);
    if (!more) return more;
    if (*more)
      ++taken_;
    else
      finish();
    return more;
  }

 private:
  [[nodiscard]] bool must_evaluate() const { return part_->alone_ && part_->alone_ != this; }

  Result<std::vector<SeriesInfo>> open_own() {
    // Other parts may have been read to their ends by now.
    part_->outer_.query.shares_parts = false;
    auto made = make_own_();
    if (!made) return pass(made);
    own_ = std::move(*made);
    return own_->open();
  }

  /// From here on with operators of its own, behind what was taken of the shared ones.
  Result<void> catch_up(StepColumn& column) {
    if (auto opened = open_own(); !opened) return pass(opened);
    for (std::size_t i = 0; i < taken_; ++i)
      if (auto more = own_->next(column); !more) return pass(more);
    return {};
  }

  /// Counts and annotates as if this place had been evaluated.
  void finish() {
    SampleStats stats = part_->stats_;
    part_->outer_.stats.take(stats);
    AnnotationCollector annotations = part_->annotations_;
    if (place_ != part_->first_) annotations.move_to(part_->first_, place_, rank_);
    part_->outer_.query.annotations.take(annotations);
  }

  const std::shared_ptr<RepeatedPart> part_;
  const Span place_;
  const std::uint32_t rank_;  ///< of its annotations
  const MakeOwn make_own_;
  VectorOperatorPtr own_;  ///< null: it reads the shared ones
  std::size_t taken_ = 0;
};

RepeatedPart::RepeatedPart(EvalContext& outer, Span first)
    : outer_(outer),
      stats_(outer.stats.fresh()),
      inner_{outer.query, outer.steps, stats_},
      first_(first),
      share_(outer.query.budget, first) {}

VectorOperatorPtr RepeatedPart::read_at(const std::shared_ptr<RepeatedPart>& part, Span place,
                                        MakeOwn make_own) {
  ++part->places_;
  return std::make_unique<Reader>(part, place, part->outer_.query.next_rank++, std::move(make_own));
}

/// What the operators say meanwhile is kept apart, to be said again at each place.
template <class Call>
auto RepeatedPart::with_own_annotations(Call call) {
  AnnotationCollector& shown = outer_.query.annotations;
  std::swap(shown, annotations_);
  auto result = call();
  std::swap(shown, annotations_);
  return result;
}

Result<std::vector<SeriesInfo>> RepeatedPart::open(const Reader& reader) {
  if (is_open_) return series_;
  is_open_ = true;
  auto opened = with_own_annotations([&] { return source_->open(); });
  if (!opened || places_ == 1) return opened;
  std::uint64_t bytes = 0;
  for (const SeriesInfo& series : *opened) bytes += label_list_bytes(series.labels.size());
  if (bytes > kMostBytes || !share_.add(0, bytes))
    give_up(reader);
  else
    series_ = *opened;
  return opened;
}

Result<bool> RepeatedPart::take(const Reader& reader, std::size_t number, StepColumn& out) {
  if (number < produced_) {
    Kept& kept = kept_[number - (produced_ - kept_.size())];
    if (--kept.takers > 0) {
      out = kept.column;
      return true;
    }
    // Places take columns in order: whatever the last has taken is the oldest.
    out = std::move(kept.column);
    share_.give_back(0, kept.bytes);
    kept_.pop_front();
    return true;
  }
  if (!source_) return false;
  auto more = with_own_annotations([&] { return source_->next(out); });
  if (!more) return more;
  if (!*more) {
    source_.reset();
    return false;
  }
  ++produced_;
  if (places_ > 1 && !alone_) keep(reader, out);
  return true;
}

void RepeatedPart::keep(const Reader& reader, const StepColumn& column) {
  const std::uint64_t bytes = sizeof(Kept) + column.size_bytes();
  if (share_.bytes() + bytes > kMostBytes || !share_.add(0, bytes)) return give_up(reader);
  kept_.push_back({column, places_ - 1, bytes});
}

void RepeatedPart::give_up(const Reader& reader) {
  alone_ = &reader;
  kept_.clear();
  series_ = {};
  share_.clear();
}

}  // namespace narthex::query
