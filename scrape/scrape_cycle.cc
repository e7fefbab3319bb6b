#include "scrape/scrape_cycle.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "model/value.h"
#include "scrape/exposition/created_lines.h"
#include "scrape/metric_family.h"
#include "scrape/negotiation.h"
#include "scrape/sample_labels.h"
#include "telemetry/log.h"

namespace narthex::scrape {

namespace {

/// Samples further ahead are refused: a wrong clock would block its series for as long.
constexpr DurationMs kMaxAhead = 10 * 60 * 1000;

// The bytes of a value of 1 to 8 bytes as a number. The body is padded, so that 8 may be read.
std::uint64_t value_bytes(std::string_view text) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text.data(), sizeof bytes);
  return bytes & (~std::uint64_t{0} >> (64 - 8 * text.size()));
}

/// Takes samples out whose series the store refused.
void drop_unresolved(std::vector<storage::RefSample>& samples, std::vector<Timestamp>& starts) {
  if (!starts.empty()) {
    starts.resize(samples.size());
    std::size_t i = 0;
    std::erase_if(starts, [&](Timestamp) { return samples[i++].ref == storage::SeriesRef::none; });
  }
  std::erase_if(samples, [](const auto& s) { return s.ref == storage::SeriesRef::none; });
}

}  // namespace

/// Room for one batch, kept by each pool thread for the next one.
struct ScrapeCycle::Scratch {
  struct NewSeries {
    SeriesCache::Index entry;
    std::size_t sample;
    Labels labels;
  };
  std::vector<storage::RefSample> samples;  ///< of the page, then stale markers, then the report
  std::vector<Timestamp> starts;            ///< of the first samples; empty: none has one
  std::size_t stale_begin = 0;
  std::size_t report_begin = 0;
  std::vector<NewSeries> new_series;
  std::vector<storage::SeriesRef> new_refs;
  std::vector<storage::SeriesRef> refs;  ///< for lists of a moment
  struct SampleExemplar {
    std::size_t sample;
    storage::Exemplar exemplar;
  };
  std::vector<SampleExemplar> exemplars;
  struct SampleMetadata {
    std::size_t sample;
    std::size_t family;
  };
  std::vector<SampleMetadata> metadata;
  std::vector<storage::Metadata> families;

  void clear() {
    exemplars.clear();
    metadata.clear();
    families.clear();
    samples.clear();
    starts.clear();
    new_series.clear();
    new_refs.clear();
    stale_begin = report_begin = 0;
  }
};

ScrapeCycle::Scratch& ScrapeCycle::scratch() {
  thread_local Scratch scratch;
  return scratch;
}

/// Reads one page into the scratch.
class ScrapeCycle::Page {
 public:
  Page(ScrapeCycle& cycle, const ScrapeInput& input, Format format, Timestamp max_time,
       ScrapeOutcome& outcome)
      : settings_(cycle.settings_),
        job_(*settings_.job),
        cache_(cycle.cache_),
        metadata_(*cycle.metadata_),
        scratch_(scratch()),
        outcome_(outcome),
        parser_(*input.body, format),
        t_(input.t),
        all_metadata_(cycle.metadata_lost_),
        max_time_(max_time),
        sample_limit_(job_.limits.samples == 0 ? ~std::uint64_t{0} : job_.limits.samples) {
    if (settings_.starts && format == Format::open_metrics) created_.emplace();
  }

  Result<void> read();

 private:
  bool take_expected_line();
  Result<void> take_line();
  Result<void> take_series();
  Result<void> take_unresolved(SeriesCache::Index i);
  void take_exemplar(Timestamp t);
  void begin_family();
  void take_metadata(std::string_view metric_name);
  Result<void> take_metadata_of_known();
  bool read_value(SeriesCache::Entry& entry, double& value);
  bool may_append(Timestamp t);
  void append(SeriesCache::Entry& entry, Timestamp t, double value, bool own_time);
  [[nodiscard]] bool has_own_time() const { return job_.honor_timestamps && parser_.entry().timestamp; }
  [[nodiscard]] std::unexpected<Error> bad_value();

  const CycleSettings& settings_;
  const config::ScrapeConfig& job_;
  SeriesCache& cache_;
  MetadataCache& metadata_;
  Scratch& scratch_;
  ScrapeOutcome& outcome_;
  Parser parser_;
  const Timestamp t_;
  const bool all_metadata_;
  std::optional<MetadataCache::Told> family_;  ///< of the present lines, if metadata is asked for
  static constexpr std::size_t kNotTaken = ~std::size_t{0};
  std::size_t family_number_ = kNotTaken;  ///< among the scratch's families
  std::optional<CreatedLines> created_;    ///< if they are asked for, and the format has them
  const Timestamp max_time_;
  const std::uint64_t sample_limit_;
  std::uint64_t offered_ = 0;  ///< samples that count against the limit
};

// hot: bench/scrape
Result<void> ScrapeCycle::Page::read() {
  for (;;) {
    if (take_expected_line()) [[likely]]
      continue;
    const auto kind = parser_.next();
    if (!kind) [[unlikely]]
      return std::unexpected(kind.error());
    switch (*kind) {
      case EntryKind::series:
        if (auto taken = created_ ? take_line() : take_series(); !taken) [[unlikely]]
          return taken;
        break;
      case EntryKind::type:
      case EntryKind::help:
      case EntryKind::unit:
        if (created_) created_->begin_family(parser_.entry().name);
        metadata_.update(parser_.entry(), parser_.format());
        if (settings_.metadata) begin_family();
        break;
      case EntryKind::comment:
        break;
      case EntryKind::end:
        if (!outcome_.sample_limit_exceeded) return {};
        return fail(Code::limit, "sample limit exceeded");
    }
  }
}

/// The line that stood here at the last scrape, with no more than a value. False: nothing was
/// taken, and the line is read by the parser. What it would refuse is refused there.
// hot: bench/scrape
bool ScrapeCycle::Page::take_expected_line() {
  const SeriesCache::Index i = cache_.expected();
  if (i == SeriesCache::kNone) return false;
  // Metadata to tell needs the line's labels.
  if (family_ && (family_->changed || all_metadata_)) [[unlikely]]
    return false;
  if (created_ && CreatedLines::are_for(parser_.type())) [[unlikely]]
    return false;
  SeriesCache::Entry& entry = cache_[i];
  if (entry.text_size == 0 || entry.ref == storage::SeriesRef::none || cache_.seen_now(entry)) return false;
  const std::string_view series = parser_.expect_series(entry.text_size);
  if (series.empty() || !cache_.is_expected(series)) return false;

  const char* const text = series.data() + series.size() + 1;
  const char* end = text + entry.value_size;
  double value = entry.value;
  if (entry.value_size == 0 || *end != '\n' || value_bytes({text, entry.value_size}) != entry.value_text) {
    end = read_plain_value(text, value);
    if (end == nullptr || *end != '\n' || !parser_.skip_line(end)) return false;
    const auto size = static_cast<std::size_t>(end - text);
    if (size <= sizeof entry.value_text) {
      entry.value_size = static_cast<std::uint8_t>(size);
      entry.value_text = value_bytes({text, size});
      entry.value = value;
    }
  } else if (!parser_.skip_line(end)) {
    return false;
  }
  cache_.pass_expected();
  ++outcome_.scraped;
  ++outcome_.post_relabeling;
  const bool is_new = cache_.is_new(entry);
  cache_.mark_seen(entry);
  if (!may_append(t_)) return true;
  if (is_new && !outcome_.sample_limit_exceeded) ++outcome_.series_added;
  append(entry, t_, value, false);
  return true;
}

/// A line of a page whose `_created` lines say when counters began.
Result<void> ScrapeCycle::Page::take_line() {
  const Entry& line = parser_.entry();
  if (!CreatedLines::are_for(parser_.type())) {
    created_->pass_other();
    return take_series();
  }
  const auto is_created = created_->read(line.series_text, parser_.type());
  if (!is_created) return std::unexpected(parser_.explain(is_created.error()));
  if (*is_created) {
    const auto seconds = parse_value(line.value_text);
    if (!seconds) return bad_value();
    created_->resolve(*seconds, scratch_.starts);
    return {};
  }
  const std::size_t before = scratch_.samples.size();
  if (auto taken = take_series(); !taken) return taken;
  if (scratch_.samples.size() > before) created_->add(before, scratch_.starts);
  return {};
}

// hot: bench/scrape
Result<void> ScrapeCycle::Page::take_series() {
  ++outcome_.scraped;
  const Entry& line = parser_.entry();
  const SeriesCache::Index i = cache_.find(line.series_text);
  if (i == SeriesCache::kNone || (cache_[i].ref == storage::SeriesRef::none && !cache_[i].dropped()))
    return take_unresolved(i);

  SeriesCache::Entry& entry = cache_[i];
  double value = 0;
  if (!read_value(entry, value)) [[unlikely]]
    return bad_value();
  if (entry.dropped()) {
    cache_.mark_seen(entry);
    return {};
  }
  ++outcome_.post_relabeling;
  const bool own_time = has_own_time();
  if (cache_.seen_now(entry) && !own_time) {
    ++outcome_.duplicates;
    return {};
  }
  const Timestamp t = own_time ? *line.timestamp : t_;
  const bool is_new = cache_.is_new(entry);
  cache_.mark_seen(entry);
  if (!may_append(t)) return {};
  if (is_new && !outcome_.sample_limit_exceeded) ++outcome_.series_added;
  append(entry, t, value, own_time);
  if (!line.exemplar_text.empty()) [[unlikely]]
    take_exemplar(t);
  if (family_ && (family_->changed || all_metadata_)) [[unlikely]]
    return take_metadata_of_known();
  return {};
}

// A series that was not exposed before, or that the store no longer has.
Result<void> ScrapeCycle::Page::take_unresolved(SeriesCache::Index i) {
  const Entry& line = parser_.entry();
  const SeriesContext context{parser_.format(), parser_.type(), parser_.unit(),
                              settings_.type_and_unit_labels};
  auto exposed = parse_series(line.series_text, context);
  if (!exposed) return std::unexpected(parser_.explain(std::move(exposed).error()));
  const auto value = parse_value(line.value_text);
  if (!value) return bad_value();

  auto labels = sample_labels(*exposed, settings_.target, job_);
  if (!labels) {
    outcome_.label_limit_exceeded |= labels.error().code == Code::limit;
    return pass(labels);
  }
  if (!*labels) {
    SeriesCache::Entry& entry = cache_[i == SeriesCache::kNone ? cache_.insert() : i];
    cache_.mark_seen(entry);
    entry.flags |= SeriesCache::kDropped;
    return {};
  }
  ++outcome_.post_relabeling;
  const bool own_time = has_own_time();
  if (i != SeriesCache::kNone && cache_.seen_now(cache_[i]) && !own_time) {
    ++outcome_.duplicates;
    return {};
  }
  const Timestamp t = own_time ? *line.timestamp : t_;
  // What is not appended is not remembered: it never has to be marked stale.
  if (!may_append(t)) return {};
  if (i == SeriesCache::kNone) i = cache_.insert();
  SeriesCache::Entry& entry = cache_[i];
  if (cache_.is_new(entry) && !outcome_.sample_limit_exceeded) ++outcome_.series_added;
  cache_.mark_seen(entry);
  scratch_.new_series.push_back({i, scratch_.samples.size(), std::move(**labels)});
  append(entry, t, *value, own_time);
  if (!line.exemplar_text.empty()) take_exemplar(t);
  if (family_) take_metadata(scratch_.new_series.back().labels.get(kMetricName));
  return {};
}

/// @param t  of the sample, which is the last one taken
void ScrapeCycle::Page::take_exemplar(Timestamp t) {
  auto exemplar = parse_exemplar(parser_.entry().exemplar_text);
  if (!exemplar) {
    // Its syntax was checked with the line: only its labels can be at odds with themselves.
    telemetry::debug("An exemplar is left out",
                     {{"series", std::string(parser_.entry().series_text)}, {"why", exemplar.error().text}});
    return;
  }
  scratch_.exemplars.push_back({scratch_.samples.size() - 1,
                                {.labels = std::move(exemplar->labels),
                                 .v = exemplar->value,
                                 .t = exemplar->timestamp.value_or(t),
                                 .has_own_time = exemplar->timestamp.has_value()}});
}

void ScrapeCycle::Page::begin_family() {
  family_ = metadata_.told();
  family_number_ = kNotTaken;
}

/// For the sample that was taken last.
void ScrapeCycle::Page::take_metadata(std::string_view metric_name) {
  if (!is_part_of_family(metric_name, family_->family, family_->type)) {
    // Lines are out of order: what the next one belongs to is not known either.
    family_.reset();
    return;
  }
  if (family_number_ == kNotTaken) {
    family_number_ = scratch_.families.size();
    scratch_.families.push_back(metadata_.metadata());
  }
  scratch_.metadata.push_back({scratch_.samples.size() - 1, family_number_});
}

/// The same for a series whose labels are not kept: they are worked out again.
Result<void> ScrapeCycle::Page::take_metadata_of_known() {
  const SeriesContext context{parser_.format(), parser_.type(), parser_.unit(),
                              settings_.type_and_unit_labels};
  auto exposed = parse_series(parser_.entry().series_text, context);
  if (!exposed) return pass(exposed);
  auto labels = sample_labels(*exposed, settings_.target, job_);
  if (!labels) return pass(labels);
  if (*labels) take_metadata((*labels)->get(kMetricName));
  return {};
}

// hot: bench/scrape
bool ScrapeCycle::Page::read_value(SeriesCache::Entry& entry, double& value) {
  const std::string_view text = parser_.entry().value_text;
  if (text.empty() || text.size() > sizeof entry.value_text) {
    const auto parsed = parse_value(text);
    value = parsed.value_or(0);
    return parsed.has_value();
  }
  const std::uint64_t bytes = value_bytes(text);
  if (entry.value_size == text.size() && entry.value_text == bytes) {
    value = entry.value;
    return true;
  }
  const auto parsed = parse_value(text);
  if (!parsed) return false;
  entry.value_size = static_cast<std::uint8_t>(text.size());
  entry.value_text = bytes;
  value = entry.value = *parsed;
  return true;
}

bool ScrapeCycle::Page::may_append(Timestamp t) {
  if (++offered_ > sample_limit_) {
    // The rest is still read, to report how many there are.
    outcome_.sample_limit_exceeded = true;
    return false;
  }
  if (t <= max_time_) return true;
  ++outcome_.out_of_bounds;
  return false;
}

void ScrapeCycle::Page::append(SeriesCache::Entry& entry, Timestamp t, double value, bool own_time) {
  scratch_.samples.push_back({entry.ref, t, value});
  // Who gives times of his own says himself when a series ends.
  if (!own_time || job_.track_timestamps_staleness) cache_.mark_exposed(entry);
}

std::unexpected<Error> ScrapeCycle::Page::bad_value() {
  auto why = parse_value_or_error(parser_.entry().value_text);
  return std::unexpected(parser_.explain(why ? Error{} : std::move(why).error()));
}

ScrapeCycle::ScrapeCycle(CycleSettings settings)
    : settings_(std::move(settings)), metadata_(std::make_shared<MetadataCache>()) {}

ScrapeOutcome ScrapeCycle::run(const ScrapeInput& input, storage::Appendable& store, const Clock& clock) {
  ScrapeOutcome outcome;
  Scratch& room = scratch();
  room.clear();
  const std::uint64_t flushes = cache_.forced_flushes();
  cache_.begin();
  outcome.error = input.failure;
  const bool accepted = take_page(input, clock.now(), outcome);

  const auto appender = store.appender();
  if (accepted) append_page(*appender, outcome);
  append_stale(input.t, accepted);
  metadata_->end_scrape(accepted);

  outcome.duration_seconds = std::chrono::duration<double>(clock.steady() - input.start).count();
  ScrapeReport report;
  report.up = outcome.error ? 0 : 1;
  report.duration_seconds = outcome.duration_seconds;
  report.scraped = static_cast<double>(outcome.scraped);
  report.post_relabeling = static_cast<double>(outcome.post_relabeling);
  report.series_added = static_cast<double>(outcome.series_added);
  report.timeout_seconds = static_cast<double>(settings_.timeout) / 1000;
  report.sample_limit = static_cast<double>(settings_.job->limits.samples);
  if (input.failure)
    report.body_bytes = input.failure->code == Code::limit ? -1 : 0;
  else if (input.body != nullptr)
    report.body_bytes = static_cast<double>(input.body->size());
  const ReportSettings report_settings{settings_.job->extra_scrape_metrics, settings_.metadata};
  report_.append(report, report_settings, input.t, settings_.target, *appender, room.samples);

  commit(*appender, outcome);
  outcome.cache_flushed = cache_.forced_flushes() != flushes;
  return outcome;
}

/// @return whether there was a page and it was accepted; an empty one is neither good nor bad
bool ScrapeCycle::take_page(const ScrapeInput& input, Timestamp now, ScrapeOutcome& outcome) {
  if (outcome.error || input.body == nullptr || input.body->size() == 0) return false;
  const auto format = exposition_format(input.content_type, settings_.job->fallback_protocol);
  if (!format) {
    outcome.error = format.error();
    return false;
  }
  if (auto read = Page(*this, input, *format, now + kMaxAhead, outcome).read(); !read)
    outcome.error = std::move(read).error();
  return !outcome.error;
}

/// All of an accepted page but its samples, which go with the report.
void ScrapeCycle::append_page(storage::Appender& appender, ScrapeOutcome& outcome) {
  Scratch& room = scratch();
  resolve_new_series(appender, outcome);
  append_exemplars(appender, outcome);
  append_metadata(appender);
  metadata_lost_ = false;
  if (outcome.refused_series > 0) drop_unresolved(room.samples, room.starts);
}

void ScrapeCycle::resolve_new_series(storage::Appender& appender, ScrapeOutcome& outcome) {
  Scratch& room = scratch();
  for (const Scratch::NewSeries& series : room.new_series) {
    const auto ref = appender.series(series.labels);
    if (!ref) {
      ++outcome.refused_series;
      continue;
    }
    cache_[series.entry].ref = *ref;
    room.samples[series.sample].ref = *ref;
    room.new_refs.push_back(*ref);
  }
}

void ScrapeCycle::append_exemplars(storage::Appender& appender, ScrapeOutcome& outcome) {
  Scratch& room = scratch();
  for (const Scratch::SampleExemplar& one : room.exemplars) {
    const storage::SeriesRef ref = room.samples[one.sample].ref;
    if (ref == storage::SeriesRef::none) continue;
    const auto done = appender.append_exemplar(ref, one.exemplar);
    if (done) continue;
    if (done.error() == storage::ExemplarFault::disabled) return;
    // A page shows an exemplar until there is a newer one: duplicates are the rule.
    if (done.error() == storage::ExemplarFault::out_of_order) ++outcome.exemplars_out_of_order;
  }
}

void ScrapeCycle::append_metadata(storage::Appender& appender) {
  Scratch& room = scratch();
  for (const Scratch::SampleMetadata& one : room.metadata) {
    const storage::SeriesRef ref = room.samples[one.sample].ref;
    if (ref != storage::SeriesRef::none) appender.set_metadata(ref, room.families[one.family]);
  }
}

void ScrapeCycle::append_stale(Timestamp t, bool accepted) {
  Scratch& room = scratch();
  room.refs.clear();
  if (accepted) {
    cache_.take_vanished(room.refs);
  } else {
    room.samples.clear();
    room.starts.clear();
    cache_.take_all_exposed(room.refs);
  }
  room.stale_begin = room.samples.size();
  for (const storage::SeriesRef ref : room.refs) room.samples.push_back({ref, t, kStaleNan});
  room.report_begin = room.samples.size();
}

void ScrapeCycle::commit(storage::Appender& appender, ScrapeOutcome& outcome) {
  Scratch& room = scratch();
  const std::size_t zeros = settings_.start_zeros ? append_start_zeros(appender) : 0;
  if (!room.starts.empty()) room.starts.resize(room.samples.size());
  append_samples(appender, 0, room.stale_begin);
  if (room.stale_begin < room.report_begin) {
    // A target that went and came back is not marked between its samples.
    appender.accept_out_of_order(false);
    append_samples(appender, room.stale_begin, room.report_begin);
    appender.accept_out_of_order(true);
  }
  append_samples(appender, room.report_begin, room.samples.size());
  auto stats = appender.commit();
  if (!stats) {
    // The series that were new went with the batch.
    cache_.forget_refs(room.new_refs);
    metadata_lost_ = metadata_lost_ || !room.metadata.empty();
    outcome.commit_failure = std::move(stats).error();
    return;
  }
  if (!stats->refused.empty()) sort_out(*stats, zeros, outcome);
}

void ScrapeCycle::append_samples(storage::Appender& appender, std::size_t begin, std::size_t end) {
  const Scratch& room = scratch();
  const auto samples = std::span<const storage::RefSample>(room.samples).subspan(begin, end - begin);
  if (samples.empty()) return;
  if (room.starts.empty())
    appender.append(samples);
  else
    appender.append(samples, std::span<const Timestamp>(room.starts).subspan(begin, end - begin));
}

/// In front of all samples. @return  how many
std::size_t ScrapeCycle::append_start_zeros(storage::Appender& appender) {
  const Scratch& room = scratch();
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < room.starts.size(); ++i) {
    if (room.starts[i] == 0) continue;
    const storage::RefSample& sample = room.samples[i];
    // Nearly always refused: from the second scrape on it lies behind.
    const auto added = appender.append_start_zero(sample.ref, sample.t, room.starts[i]);
    zeros += added.value_or(false) ? 1 : 0;
  }
  return zeros;
}

/// @param zeros  that stand in front of the samples
void ScrapeCycle::sort_out(const storage::CommitStats& stats, std::size_t zeros, ScrapeOutcome& outcome) {
  Scratch& room = scratch();
  room.refs.clear();
  for (storage::RefusedSample refused : stats.refused) {
    if (refused.index < zeros) continue;
    refused.index -= zeros;
    const storage::SeriesRef ref = room.samples[refused.index].ref;
    if (refused.fault == storage::AppendFault::unknown_series) {
      // Its labels are resolved again when the line comes again.
      room.refs.push_back(ref);
      report_.forget(ref);
      continue;
    }
    // A target that went and came back has newer samples than the markers of its old loop.
    if (refused.index >= room.stale_begin) continue;
    switch (refused.fault) {
      case storage::AppendFault::out_of_order:
        ++outcome.out_of_order;
        break;
      case storage::AppendFault::duplicate_timestamp:
        ++outcome.duplicates;
        break;
      case storage::AppendFault::out_of_bounds:
      case storage::AppendFault::too_old:
        ++outcome.out_of_bounds;
        break;
      case storage::AppendFault::unknown_series:
      case storage::AppendFault::invalid_labels:
      case storage::AppendFault::limit:
        ++outcome.refused_series;
        break;
      case storage::AppendFault::start_out_of_order:
      case storage::AppendFault::start_not_before:
        break;  // the sample itself was kept
    }
  }
  if (!room.refs.empty()) cache_.forget_refs(room.refs);
}

Result<void> ScrapeCycle::mark_stale(Timestamp t, storage::Appendable& store) {
  Scratch& room = scratch();
  room.clear();
  cache_.begin();
  append_stale(t, false);
  report_.append_stale(t, room.samples);
  const auto appender = store.appender();
  appender->accept_out_of_order(false);
  appender->append(room.samples);
  auto stats = appender->commit();
  if (!stats) return pass(stats);
  return {};
}

bool ScrapeCycle::can_keep_cache(const config::ScrapeConfig& before, const config::ScrapeConfig& after) {
  const auto without_harmless = [](config::ScrapeConfig job) {
    job.interval = job.timeout = 0;
    job.limits.samples = 0;
    job.http = {};
    // Who is scraped says nothing about what his lines mean.
    job.discovery = {};
    job.relabel.clear();
    job.limits.targets = job.limits.keep_dropped_targets = 0;
    return job;
  };
  return without_harmless(before) == without_harmless(after);
}

}  // namespace narthex::scrape
