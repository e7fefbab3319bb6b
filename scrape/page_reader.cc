#include "scrape/page_reader.h"

#include <bit>
#include <cstring>
#include <utility>

#include "scrape/metric_family.h"
#include "scrape/sample_labels.h"
#include "telemetry/log.h"

namespace narthex::scrape {

namespace {

// The bytes of a value of 1 to 8 bytes as a number. The body is padded, so that 8 may be read.
std::uint64_t value_bytes(std::string_view text) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, text.data(), sizeof bytes);
  return bytes & (~std::uint64_t{0} >> (64 - 8 * text.size()));
}

}  // namespace

PageReader::PageReader(const Page& page, const CycleSettings& settings, SeriesCache& cache,
                       MetadataCache& metadata, ScrapeBatch& batch, ScrapeOutcome& outcome)
    : settings_(settings),
      job_(*settings.job),
      cache_(cache),
      metadata_(metadata),
      batch_(batch),
      outcome_(outcome),
      parser_(page.body, page.format),
      t_(page.t),
      all_metadata_(page.all_metadata),
      max_time_(page.max_time),
      sample_limit_(job_.limits.samples == 0 ? ~std::uint64_t{0} : job_.limits.samples) {
  if (settings_.starts && page.format == Format::open_metrics) created_.emplace();
}

inline bool PageReader::may_append(Timestamp t) {
  if (++offered_ > sample_limit_) {
    // The rest is still read, to report how many there are.
    outcome_.sample_limit_exceeded = true;
    return false;
  }
  if (t <= max_time_) return true;
  ++outcome_.out_of_bounds;
  return false;
}

inline void PageReader::append(SeriesCache::Entry& entry, Timestamp t, double value, bool own_time) {
  batch_.samples.push_back({entry.ref, t, value});
  // Who gives times of his own says himself when a series ends.
  if (!own_time || job_.track_timestamps_staleness) cache_.mark_exposed(entry);
}

// hot: bench/scrape
Result<void> PageReader::read() {
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
bool PageReader::take_expected_line() {
  const SeriesCache::Index i = cache_.expected();
  if (i == SeriesCache::kNone) return false;
  // Metadata to tell needs the line's labels.
  if (family_ && (family_->changed || all_metadata_)) [[unlikely]]
    return false;
  if (created_ && CreatedLines::are_for(parser_.type())) [[unlikely]]
    return false;
  cache_.prefetch_behind(i);
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
Result<void> PageReader::take_line() {
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
    created_->resolve(*seconds, batch_.starts);
    return {};
  }
  const std::size_t before = batch_.samples.size();
  if (auto taken = take_series(); !taken) return taken;
  if (batch_.samples.size() > before) created_->add(before, batch_.starts);
  return {};
}

// hot: bench/scrape
Result<void> PageReader::take_series() {
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
Result<void> PageReader::take_unresolved(SeriesCache::Index i) {
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
  batch_.new_series.push_back({i, batch_.samples.size(), std::move(**labels)});
  append(entry, t, *value, own_time);
  if (!line.exemplar_text.empty()) take_exemplar(t);
  if (family_) take_metadata(batch_.new_series.back().labels.get(kMetricName));
  return {};
}

/// @param t  of the sample, which is the last one taken
void PageReader::take_exemplar(Timestamp t) {
  auto exemplar = parse_exemplar(parser_.entry().exemplar_text);
  if (!exemplar) {
    // Its syntax was checked with the line: only its labels can be at odds with themselves.
    telemetry::debug("An exemplar is left out",
                     {{"series", std::string(parser_.entry().series_text)}, {"why", exemplar.error().text}});
    return;
  }
  batch_.exemplars.push_back({batch_.samples.size() - 1,
                              {.labels = std::move(exemplar->labels),
                               .v = exemplar->value,
                               .t = exemplar->timestamp.value_or(t),
                               .has_own_time = exemplar->timestamp.has_value()}});
}

void PageReader::begin_family() {
  family_ = metadata_.told();
  family_number_ = kNotTaken;
}

/// For the sample that was taken last.
void PageReader::take_metadata(std::string_view metric_name) {
  if (!is_part_of_family(metric_name, family_->family, family_->type)) {
    // Lines are out of order: what the next one belongs to is not known either.
    family_.reset();
    return;
  }
  if (family_number_ == kNotTaken) {
    family_number_ = batch_.families.size();
    batch_.families.push_back(metadata_.metadata());
  }
  batch_.metadata.push_back({batch_.samples.size() - 1, family_number_});
}

/// The same for a series whose labels are not kept: they are worked out again.
Result<void> PageReader::take_metadata_of_known() {
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
bool PageReader::read_value(SeriesCache::Entry& entry, double& value) {
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

std::unexpected<Error> PageReader::bad_value() {
  auto why = parse_value_or_error(parser_.entry().value_text);
  return std::unexpected(parser_.explain(why ? Error{} : std::move(why).error()));
}

}  // namespace narthex::scrape
