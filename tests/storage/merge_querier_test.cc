// Several stores as one.
#include "storage/merge_querier.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include "storage/label_order.h"

namespace narthex::storage {
namespace {

/// A store that is a list of series in memory.
class ListQuerier final : public Querier {
 public:
  struct Series {
    Labels labels;
    SampleColumns samples;
  };
  explicit ListQuerier(std::vector<Series> series) : series_(std::move(series)) {}

  Result<std::unique_ptr<SeriesSet>> select(TimeRange, std::span<const Matcher> matchers, LabelPool& pool,
                                            const SelectOptions&) override {
    auto set = std::make_unique<Set>();
    for (const Series& s : series_) {
      if (!matches(s.labels, matchers)) continue;
      set->ids.push_back(pool.ids(s.labels));
      set->series.push_back(&s);
    }
    return set;
  }
  Result<std::vector<std::string>> label_names(std::span<const Matcher> matchers, std::size_t) override {
    std::vector<std::string> names;
    for (const Series& s : series_) {
      if (!matches(s.labels, matchers)) continue;
      for (const LabelView l : s.labels) names.emplace_back(l.name);
    }
    return names;
  }
  Result<std::vector<std::string>> label_values(std::string_view name, std::span<const Matcher> matchers,
                                                std::size_t) override {
    std::vector<std::string> values;
    for (const Series& s : series_) {
      if (matches(s.labels, matchers) && s.labels.has(name)) values.emplace_back(s.labels.get(name));
    }
    return values;
  }

 private:
  struct Set final : SeriesSet {
    std::vector<LabelIds> ids;
    std::vector<const Series*> series;
    [[nodiscard]] std::size_t size() const override { return ids.size(); }
    [[nodiscard]] std::span<const PairId> labels(std::size_t i) const override { return ids[i]; }
    Result<void> samples(std::size_t i, TimeRange range, SampleColumns& out) const override {
      const SampleColumns& all = series[i]->samples;
      for (std::size_t k = 0; k < all.t.size(); ++k) {
        if (!range.contains(all.t[k])) continue;
        for (const HistogramSample& h : all.histograms) {
          if (h.index == k) out.histograms.push_back({out.t.size(), h.value});
        }
        out.t.push_back(all.t[k]);
        out.v.push_back(all.v[k]);
        if (!all.st.empty()) out.st.push_back(all.st[k]);
      }
      return {};
    }
  };
  static bool matches(const Labels& labels, std::span<const Matcher> matchers) {
    return std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches(labels.get(m.name())); });
  }
  std::vector<Series> series_;
};

SampleColumns columns(std::vector<Timestamp> t, double v) {
  SampleColumns c;
  c.v.assign(t.size(), v);
  c.t = std::move(t);
  return c;
}

MergeQuerier merge(std::vector<std::vector<ListQuerier::Series>> stores) {
  std::vector<std::unique_ptr<Querier>> queriers;
  for (auto& s : stores) queriers.push_back(std::make_unique<ListQuerier>(std::move(s)));
  return MergeQuerier(std::move(queriers));
}

SampleColumns samples_of(MergeQuerier& querier, const Labels& labels) {
  LabelPool pool;
  const auto set = querier.select({}, {}, pool, {});
  REQUIRE(set);
  SampleColumns out;
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    if (pool.labels((*set)->labels(i)) == labels) REQUIRE((*set)->samples(i, {}, out));
  }
  return out;
}

TEST_CASE("merge: a series of several stores is one, its samples ascend, each time once") {
  const Labels a{{"__name__", "a"}};
  const struct {
    std::vector<std::vector<Timestamp>> stores;
    std::vector<Timestamp> t;
    std::vector<double> v;  ///< the number of the store that it comes from
  } rows[] = {
      {{{1, 2}, {3, 4}}, {1, 2, 3, 4}, {0, 0, 1, 1}},
      {{{1, 3}, {2, 4}}, {1, 2, 3, 4}, {0, 1, 0, 1}},
      {{{1, 2, 3}, {1, 2, 3}}, {1, 2, 3}, {0, 0, 0}},
      {{{5, 6}, {1, 2}, {3, 6, 7}}, {1, 2, 3, 5, 6, 7}, {1, 1, 2, 0, 0, 2}},
      {{{}, {1}, {}}, {1}, {1}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.t.size());
    std::vector<std::vector<ListQuerier::Series>> stores;
    for (std::size_t s = 0; s < row.stores.size(); ++s) {
      stores.push_back({{a, columns(row.stores[s], static_cast<double>(s))}});
    }
    auto querier = merge(std::move(stores));
    const SampleColumns out = samples_of(querier, a);
    CHECK(out.t == row.t);
    CHECK(out.v == row.v);
  }
}

TEST_CASE("merge: start timestamps and histograms stay with their samples") {
  const Labels a{{"__name__", "a"}};
  SampleColumns with = columns({2, 4, 6}, 1);
  with.st = {20, 40, 60};
  FloatHistogram h;
  h.count = 7;
  with.histograms = {{1, h}};
  SampleColumns without = columns({1, 4, 5}, 2);
  h.count = 9;
  without.histograms = {{1, h}, {2, h}};
  auto querier = merge({{{a, without}}, {{a, with}}});
  const SampleColumns out = samples_of(querier, a);
  CHECK(out.t == std::vector<Timestamp>{1, 2, 4, 5, 6});
  CHECK(out.st == std::vector<Timestamp>{0, 20, 0, 0, 60});
  REQUIRE(out.histograms.size() == 2);
  CHECK(out.histograms[0].index == 2);
  CHECK(out.histograms[0].value.count == 9);
  CHECK(out.histograms[1].index == 3);
}

TEST_CASE("merge: what was in the columns before stays untouched") {
  const Labels a{{"__name__", "a"}};
  auto querier = merge({{{a, columns({5}, 1)}}, {{a, columns({3}, 2)}}});
  LabelPool pool;
  const auto set = querier.select({}, {}, pool, {});
  REQUIRE(set);
  SampleColumns out = columns({100, 200}, 9);
  REQUIRE((*set)->samples(0, {}, out));
  CHECK(out.t == std::vector<Timestamp>{100, 200, 3, 5});
}

TEST_CASE("merge: series are sorted and limited over all stores") {
  std::vector<std::vector<ListQuerier::Series>> stores(3);
  std::mt19937_64 random(4);
  std::map<Labels, std::size_t> stores_of;
  for (auto& store : stores) {
    for (int i = 0; i < 200; ++i) {
      const Labels labels{{"__name__", std::string("m").append(std::to_string(random() % 9))},
                          {"x", std::to_string(random() % 50)},
                          {"y", i % 3 == 0 ? "" : "z"}};
      if (std::ranges::any_of(store, [&](const auto& s) { return s.labels == labels; })) continue;
      store.push_back({labels, columns({static_cast<Timestamp>(stores_of[labels]++)}, 0)});
    }
  }
  auto querier = merge(std::move(stores));
  LabelPool pool;
  for (const std::size_t limit : {std::size_t{0}, std::size_t{7}}) {
    const auto set = querier.select({}, {}, pool, {.sorted = true, .limit = limit});
    REQUIRE(set);
    REQUIRE((*set)->size() == (limit == 0 ? stores_of.size() : limit));
    auto expected = stores_of.begin();
    for (std::size_t i = 0; i < (*set)->size(); ++i, ++expected) {
      CHECK(pool.labels((*set)->labels(i)) == expected->first);
      SampleColumns out;
      REQUIRE((*set)->samples(i, {}, out));
      CHECK(out.t.size() == expected->second);
    }
  }
}

TEST_CASE("merge: names and values of all stores, sorted, each once, limited") {
  auto querier =
      merge({{{Labels{{"a", "2"}, {"b", "1"}}, {}}}, {{Labels{{"a", "1"}}, {}}, {Labels{{"a", "2"}}, {}}}});
  CHECK(*querier.label_names({}, 0) == std::vector<std::string>{"a", "b"});
  CHECK(*querier.label_values("a", {}, 0) == std::vector<std::string>{"1", "2"});
  CHECK(*querier.label_values("a", {}, 1) == std::vector<std::string>{"1"});
}

TEST_CASE("order by labels: as Labels compare, a prefix first") {
  LabelPool pool;
  const std::vector<Labels> all = {Labels{{"b", "1"}}, Labels{{"a", "2"}, {"b", "1"}}, Labels{{"a", "2"}},
                                   Labels{}, Labels{{"a", "10"}}};
  std::vector<LabelIds> ids;
  for (const Labels& l : all) ids.push_back(pool.ids(l));
  const auto order =
      order_by_labels(pool, ids.size(), [&](std::size_t i) { return std::span<const PairId>(ids[i]); });
  std::vector<Labels> sorted = all;
  std::ranges::sort(sorted);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[order[i]] == sorted[i]);
}

}  // namespace
}  // namespace narthex::storage
