#include "tests/tsdb/db/scripted_life.h"

#include <algorithm>

namespace narthex::tsdb {
namespace {

constexpr int kFloats = 4;

struct Measured {
  Labels labels;
  Timestamp t;
  AnyValue value;
};

Timestamp time_of(int step) {
  return kStart + step * kStep;
}

Labels own_labels(const char* name) {
  return Labels{{"__name__", name}, {"job", "life"}};
}

Labels churning(int generation) {
  return Labels{{"__name__", "churning"}, {"generation", std::to_string(generation)}};
}

/// Some samples of this step are those of four steps before.
bool comes_late(int step) {
  return step % 5 == 3;
}

std::vector<Measured> page_of(int step) {
  std::vector<Measured> page;
  const Timestamp now = time_of(step);
  for (std::size_t s = 0; s < kFloats; ++s) page.push_back({series_labels(s), now, value_at(s, step)});
  page.push_back({churning(step / 30), now, 1.5 * step});
  page.push_back({own_labels("integers"), now, int_histogram(0, 3, step + 1)});
  // Changes its kind at every third block.
  if (step / 60 % 2 == 0)
    page.push_back({own_labels("changing"), now, 0.25 * step});
  else
    page.push_back({own_labels("changing"), now, to_float(int_histogram(1, 2, step))});
  // At a time that has no sample yet.
  if (comes_late(step)) {
    const Timestamp late = time_of(step - 4) + 17;
    for (const std::size_t s : {0, 1}) page.push_back({series_labels(s), late, 1000 + value_at(s, step)});
    page.push_back({own_labels("integers"), late, int_histogram(0, 3, 5 * step + 1)});
  }
  return page;
}

struct Deletion {
  int step;
  Labels series;
  /// Ends before the samples that come late from now on: a deletion hides those as well.
  TimeRange range;
};

/// Of blocks alone, of blocks and the head, of the head alone with late samples.
std::vector<Deletion> deletions_at(int step) {
  const std::vector<Deletion> all = {{66, churning(1), {}},
                                     {105, series_labels(1), {time_of(88), time_of(99)}},
                                     {106, own_labels("integers"), {time_of(70), time_of(100)}}};
  std::vector<Deletion> due;
  for (const Deletion& d : all) {
    if (d.step == step) due.push_back(d);
  }
  return due;
}

void add_point(TextContents& to, const Labels& labels, Timestamp t, std::string text) {
  TextPoints& points = to[labels.to_string()];
  const std::pair point(t, std::move(text));
  points.insert(std::ranges::upper_bound(points, point), point);
}

void erase(TextContents& from, const Deletion& deletion) {
  const auto series = from.find(deletion.series.to_string());
  if (series == from.end()) return;
  std::erase_if(series->second, [&](const auto& point) { return deletion.range.contains(point.first); });
  if (series->second.empty()) from.erase(series);
}

void add_all(TextContents& to, const TextContents& from) {
  for (const auto& [labels, points] : from) {
    TextPoints& known = to[labels];
    known.insert(known.end(), points.begin(), points.end());
    std::ranges::sort(known);
  }
}

/// On a failing disk a query may fail. @return  nothing then
std::optional<TextContents> try_read(Db& db) {
  auto querier = db.querier({});
  if (!querier) return std::nullopt;
  TextContents out;
  LabelPool pool;
  auto set = (*querier)->select({}, std::vector{everything()}, pool, {});
  if (!set) return std::nullopt;
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    storage::SampleColumns columns;
    if (!(*set)->samples(i, {}, columns)) return std::nullopt;
    if (!columns.t.empty()) out[pool.labels((*set)->labels(i)).to_string()] = as_points(columns);
  }
  return out;
}

}  // namespace

void Life::run(const std::function<bool()>& is_dead) {
  std::unique_ptr<Db> db;
  for (int step = 0; step < kLifeSteps && !is_dead(); ++step) {
    clock.set(kStart + step * kStep);
    if (!db) {
      auto opened = try_open(fs, clock, options);
      if (!opened) continue;
      db = std::move(*opened);
    }
    scrape(*db, step);
    remove(*db, step);
    // A failure is for the server's log; the next round tries again.
    if (step % 4 == 3) static_cast<void>(db->run_mapping_once());
    if (step % 10 == 9) maintain(*db);
    // One that fails costs nothing. The others are written while closing.
    if (options.snapshots.enabled && step % 40 == 25) static_cast<void>(db->run_snapshot_once());
    // Deleted samples stay hidden if it fails.
    if (step == 128) static_cast<void>(db->clean_tombstones());
    if (step % 45 == 44 && fault.empty()) {
      if (const auto found = try_read(*db)) fault = compare(*found, acknowledged, possible, deleted_before());
    }
    if (step == 74 || step == 149) close(db);
  }
  if (db && !is_dead()) close(db);
  add_all(possible, refused_);
}

bool Life::scrape(Db& db, int step) {
  const Timestamp t = time_of(step);
  clock.set(t);
  auto appender = db.appender();
  const std::vector<Measured> page = page_of(step);
  for (const Measured& m : page) {
    const auto ref = appender->series(m.labels);
    check(ref.has_value(), "a test's series was refused");
    append_any(*appender, *ref, m.t, m.value);
    if (step % 7 == 0 && m.labels.get("__name__") == "churning") {
      appender->set_metadata(*ref, {.type = "gauge", .unit = "", .help = std::to_string(step / 14)});
      check(
          appender->append_exemplar(*ref, {Labels{{"trace", std::to_string(step)}}, 1, t, true}).has_value(),
          "a test's exemplar was refused");
    }
  }
  const auto stats = appender->commit();
  check(!stats || stats->refused.empty(), "a test's sample was refused");
  if (stats) refused_.clear();
  for (const Measured& m : page) {
    add_point(stats ? acknowledged : refused_, m.labels, m.t, as_text(m.value));
    // Refused because late samples could not be logged, a commit may be kept for the rest of it.
    if (stats || comes_late(step)) add_point(possible, m.labels, m.t, as_text(m.value));
  }
  return stats.has_value();
}

void Life::remove(Db& db, int step) {
  for (const Deletion& deletion : deletions_at(step)) {
    std::vector<Matcher> exactly;
    for (const auto& [name, value] : deletion.series)
      exactly.push_back(Matcher::literal(MatchOp::equal, std::string(name), std::string(value)));
    const bool done = db.delete_series(deletion.range, exactly).has_value();
    // Part of it may be done when it fails.
    erase(acknowledged, deletion);
    erase(synced, deletion);
    if (done) erase(possible, deletion);
  }
}

void Life::maintain(Db& db) {
  if (db.run_background_once()) synced = acknowledged;
}

void Life::close(std::unique_ptr<Db>& db) {
  if (db->close())
    synced = acknowledged;
  else
    add_all(possible, refused_);
  db.reset();
  refused_.clear();
}

std::string compare(const TextContents& found, const TextContents& required, const TextContents& allowed,
                    Timestamp deleted_before) {
  for (const auto& [labels, points] : found) {
    const auto known = allowed.find(labels);
    if (known == allowed.end()) return labels + " never was";
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (i > 0 && points[i].first <= points[i - 1].first)
        return fmt::format("{} has {} twice", labels, points[i].first);
      if (!std::ranges::binary_search(known->second, points[i]))
        return fmt::format("{} at {} never was {}", labels, points[i].first, points[i].second);
    }
  }
  for (const auto& [labels, points] : required) {
    const auto there = found.find(labels);
    for (const auto& point : points) {
      if (point.first < deleted_before) continue;
      if (there == found.end() || !std::ranges::binary_search(there->second, point))
        return fmt::format("{} has lost {} of step {}", labels, point.second, (point.first - kStart) / kStep);
    }
  }
  return "";
}

}  // namespace narthex::tsdb
