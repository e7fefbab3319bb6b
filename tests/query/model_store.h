// ModelStore: the simplest store there is, for tests: a sorted map of label sets to sorted
// maps of samples. What it answers is what any real store must answer.
//
// Series come out in order of creation, or sorted where asked for.
// Threads: one at a time; queriers read the store as it is while they are used.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model/labels.h"
#include "storage/appender.h"
#include "storage/querier.h"

namespace narthex::tests {

class ModelStore final : public storage::Queryable, public storage::Appendable {
 public:
  struct Sample {
    std::variant<double, FloatHistogram> value;
    Timestamp start = 0;  ///< start timestamp, 0 = none
  };
  struct Series {
    Labels labels;
    std::map<Timestamp, Sample> samples;
  };

  void add(const Labels& labels, Timestamp t, double v, Timestamp start = 0) {
    series_of(labels).samples.insert_or_assign(t, Sample{v, start});
  }
  void add(const Labels& labels, Timestamp t, FloatHistogram h, Timestamp start = 0) {
    series_of(labels).samples.insert_or_assign(t, Sample{std::move(h), start});
  }
  void clear() {
    series_.clear();
    by_labels_.clear();
  }
  [[nodiscard]] const std::vector<std::unique_ptr<Series>>& series() const { return series_; }

  Result<std::unique_ptr<storage::Querier>> querier(TimeRange range) override {
    return std::unique_ptr<storage::Querier>(std::make_unique<View>(*this, range));
  }
  std::unique_ptr<storage::Appender> appender() override { return std::make_unique<Batch>(*this); }

 private:
  static bool matches(const Labels& labels, std::span<const Matcher> matchers) {
    return std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches(labels.get(m.name())); });
  }

  Series& series_of(const Labels& labels) {
    const auto [at, is_new] = by_labels_.try_emplace(labels, series_.size());
    if (is_new) series_.push_back(std::make_unique<Series>(Series{labels, {}}));
    return *series_[at->second];
  }

  class Selection final : public storage::SeriesSet {
   public:
    void add(const Series& series, LabelIds labels) {
      series_.push_back(&series);
      labels_.push_back(std::move(labels));
    }
    [[nodiscard]] std::size_t size() const override { return series_.size(); }
    [[nodiscard]] std::span<const PairId> labels(std::size_t i) const override { return labels_[i]; }
    Result<void> samples(std::size_t i, TimeRange range, storage::SampleColumns& out) const override {
      const auto& all = series_[i]->samples;
      bool any_start = false;
      for (auto at = all.lower_bound(range.mint); at != all.end() && at->first <= range.maxt; ++at) {
        if (const auto* v = std::get_if<double>(&at->second.value)) {
          out.v.push_back(*v);
        } else {
          out.histograms.push_back({out.t.size(), std::get<FloatHistogram>(at->second.value)});
          out.v.push_back(0);
        }
        out.t.push_back(at->first);
        out.st.push_back(at->second.start);
        any_start = any_start || at->second.start != 0;
      }
      if (!any_start) out.st.clear();
      return {};
    }

   private:
    std::vector<const Series*> series_;
    std::vector<LabelIds> labels_;
  };

  class View final : public storage::Querier {
   public:
    View(const ModelStore& store, TimeRange range) : store_(store), range_(range) {}

    Result<std::unique_ptr<storage::SeriesSet>> select(TimeRange range, std::span<const Matcher> matchers,
                                                       LabelPool& pool,
                                                       const storage::SelectOptions& options) override {
      std::vector<const Series*> found;
      for (const auto& s : store_.series_)
        if (matches(s->labels, matchers) && has_sample(*s, range)) found.push_back(s.get());
      if (options.sorted) std::ranges::sort(found, {}, [](const Series* s) { return s->labels; });
      if (options.limit != 0 && found.size() > options.limit) found.resize(options.limit);
      auto selection = std::make_unique<Selection>();
      for (const auto* s : found) {
        LabelIds ids = pool.ids(s->labels);
        if (options.wanted_labels)
          std::erase_if(ids, [&](PairId id) {
            return std::ranges::find(*options.wanted_labels, pool.text(pool.name_of(id))) ==
                   options.wanted_labels->end();
          });
        selection->add(*s, std::move(ids));
      }
      return std::unique_ptr<storage::SeriesSet>(std::move(selection));
    }

    Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers,
                                                 std::size_t limit) override {
      std::set<std::string> names;
      for (const auto& s : store_.series_)
        if (matches(s->labels, matchers))
          for (const auto label : s->labels) names.emplace(label.name);
      return first(names, limit);
    }

    Result<std::vector<std::string>> label_values(std::string_view name, std::span<const Matcher> matchers,
                                                  std::size_t limit) override {
      std::set<std::string> values;
      for (const auto& s : store_.series_)
        if (matches(s->labels, matchers) && s->labels.has(name)) values.emplace(s->labels.get(name));
      return first(values, limit);
    }

   private:
    [[nodiscard]] bool has_sample(const Series& s, TimeRange range) const {
      const auto at = s.samples.lower_bound(std::max(range.mint, range_.mint));
      return at != s.samples.end() && at->first <= std::min(range.maxt, range_.maxt);
    }
    static std::vector<std::string> first(const std::set<std::string>& all, std::size_t limit) {
      std::vector<std::string> out(all.begin(), all.end());
      if (limit != 0 && out.size() > limit) out.resize(limit);
      return out;
    }

    const ModelStore& store_;
    TimeRange range_;
  };

  class Batch final : public storage::Appender {
   public:
    explicit Batch(ModelStore& store) : store_(store) {}

    Result<storage::SeriesRef, storage::AppendFault> series(const Labels& labels) override {
      if (labels.empty()) return std::unexpected(storage::AppendFault::invalid_labels);
      named_.push_back(labels);
      return storage::SeriesRef{named_.size()};
    }
    void append(std::span<const storage::RefSample> samples) override {
      samples_.insert(samples_.end(), samples.begin(), samples.end());
    }
    Result<storage::CommitStats> commit() override {
      storage::CommitStats stats;
      for (std::size_t i = 0; i < samples_.size(); ++i) {
        const auto& s = samples_[i];
        const auto number = static_cast<std::size_t>(s.ref);
        if (number == 0 || number > named_.size()) {
          stats.refused.push_back({i, storage::AppendFault::unknown_series});
          continue;
        }
        store_.add(named_[number - 1], s.t, s.v);
        ++stats.appended;
      }
      samples_.clear();
      return stats;
    }
    void rollback() override { samples_.clear(); }

   private:
    ModelStore& store_;
    std::vector<Labels> named_;
    std::vector<storage::RefSample> samples_;
  };

  std::vector<std::unique_ptr<Series>> series_;  ///< in order of creation
  std::map<Labels, std::size_t> by_labels_;
};

}  // namespace narthex::tests
