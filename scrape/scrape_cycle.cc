#include "scrape/scrape_cycle.h"

#include <algorithm>
#include <span>
#include <utility>

#include "model/value.h"
#include "scrape/negotiation.h"
#include "scrape/page_reader.h"
#include "scrape/scrape_batch.h"

namespace narthex::scrape {

namespace {

/// Samples further ahead are refused: a wrong clock would block its series for as long.
constexpr DurationMs kMaxAhead = 10 * 60 * 1000;

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

ScrapeCycle::ScrapeCycle(CycleSettings settings)
    : settings_(std::move(settings)), metadata_(std::make_shared<MetadataCache>()) {}

ScrapeOutcome ScrapeCycle::run(const ScrapeInput& input, storage::Appendable& store, const Clock& clock) {
  ScrapeOutcome outcome;
  ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  batch.clear();
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
  report_.append(report, report_settings, input.t, settings_.target, *appender, batch.samples);

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
  const PageReader::Page page{*input.body, *format, input.t, now + kMaxAhead, metadata_lost_};
  PageReader reader(page, settings_, cache_, *metadata_, ScrapeBatch::of_this_thread(), outcome);
  if (auto read = reader.read(); !read) outcome.error = std::move(read).error();
  return !outcome.error;
}

/// All of an accepted page but its samples, which go with the report.
void ScrapeCycle::append_page(storage::Appender& appender, ScrapeOutcome& outcome) {
  ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  resolve_new_series(appender, outcome);
  append_exemplars(appender, outcome);
  append_metadata(appender);
  metadata_lost_ = false;
  if (outcome.refused_series > 0) drop_unresolved(batch.samples, batch.starts);
}

void ScrapeCycle::resolve_new_series(storage::Appender& appender, ScrapeOutcome& outcome) {
  ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  for (const ScrapeBatch::NewSeries& series : batch.new_series) {
    const auto ref = appender.series(series.labels);
    if (!ref) {
      ++outcome.refused_series;
      continue;
    }
    cache_[series.entry].ref = *ref;
    batch.samples[series.sample].ref = *ref;
    batch.new_refs.push_back(*ref);
  }
}

void ScrapeCycle::append_exemplars(storage::Appender& appender, ScrapeOutcome& outcome) {
  ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  for (const ScrapeBatch::SampleExemplar& one : batch.exemplars) {
    const storage::SeriesRef ref = batch.samples[one.sample].ref;
    if (ref == storage::SeriesRef::none) continue;
    const auto done = appender.append_exemplar(ref, one.exemplar);
    if (done) continue;
    if (done.error() == storage::ExemplarFault::disabled) return;
    // A page shows an exemplar until there is a newer one: duplicates are the rule.
    if (done.error() == storage::ExemplarFault::out_of_order) ++outcome.exemplars_out_of_order;
  }
}

void ScrapeCycle::append_metadata(storage::Appender& appender) {
  ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  for (const ScrapeBatch::SampleMetadata& one : batch.metadata) {
    const storage::SeriesRef ref = batch.samples[one.sample].ref;
    if (ref != storage::SeriesRef::none) appender.set_metadata(ref, batch.families[one.family]);
  }
}

void ScrapeCycle::append_stale(Timestamp t, bool accepted) {
  ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  batch.refs.clear();
  if (accepted) {
    cache_.take_vanished(batch.refs);
  } else {
    batch.samples.clear();
    batch.starts.clear();
    cache_.take_all_exposed(batch.refs);
  }
  batch.stale_begin = batch.samples.size();
  for (const storage::SeriesRef ref : batch.refs) batch.samples.push_back({ref, t, kStaleNan});
  batch.report_begin = batch.samples.size();
}

void ScrapeCycle::commit(storage::Appender& appender, ScrapeOutcome& outcome) {
  ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  const std::size_t zeros = settings_.start_zeros ? append_start_zeros(appender) : 0;
  if (!batch.starts.empty()) batch.starts.resize(batch.samples.size());
  append_samples(appender, 0, batch.stale_begin);
  if (batch.stale_begin < batch.report_begin) {
    // A target that went and came back is not marked between its samples.
    appender.accept_out_of_order(false);
    append_samples(appender, batch.stale_begin, batch.report_begin);
    appender.accept_out_of_order(true);
  }
  append_samples(appender, batch.report_begin, batch.samples.size());
  auto stats = appender.commit();
  if (!stats) {
    // The series that were new went with the batch.
    cache_.forget_refs(batch.new_refs);
    metadata_lost_ = metadata_lost_ || !batch.metadata.empty();
    outcome.commit_failure = std::move(stats).error();
    return;
  }
  if (!stats->refused.empty()) sort_out(*stats, zeros, outcome);
}

void ScrapeCycle::append_samples(storage::Appender& appender, std::size_t begin, std::size_t end) {
  const ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  const auto samples = std::span<const storage::RefSample>(batch.samples).subspan(begin, end - begin);
  if (samples.empty()) return;
  if (batch.starts.empty())
    appender.append(samples);
  else
    appender.append(samples, std::span<const Timestamp>(batch.starts).subspan(begin, end - begin));
}

/// In front of all samples. @return  how many
std::size_t ScrapeCycle::append_start_zeros(storage::Appender& appender) {
  const ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < batch.starts.size(); ++i) {
    if (batch.starts[i] == 0) continue;
    const storage::RefSample& sample = batch.samples[i];
    // Nearly always refused: from the second scrape on it lies behind.
    const auto added = appender.append_start_zero(sample.ref, sample.t, batch.starts[i]);
    zeros += added.value_or(false) ? 1 : 0;
  }
  return zeros;
}

/// @param zeros  that stand in front of the samples
void ScrapeCycle::sort_out(const storage::CommitStats& stats, std::size_t zeros, ScrapeOutcome& outcome) {
  ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  batch.refs.clear();
  for (storage::RefusedSample refused : stats.refused) {
    if (refused.index < zeros) continue;
    refused.index -= zeros;
    const storage::SeriesRef ref = batch.samples[refused.index].ref;
    if (refused.fault == storage::AppendFault::unknown_series) {
      // Its labels are resolved again when the line comes again.
      batch.refs.push_back(ref);
      report_.forget(ref);
      continue;
    }
    // A target that went and came back has newer samples than the markers of its old loop.
    if (refused.index >= batch.stale_begin) continue;
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
  if (!batch.refs.empty()) cache_.forget_refs(batch.refs);
}

Result<void> ScrapeCycle::mark_stale(Timestamp t, storage::Appendable& store) {
  ScrapeBatch& batch = ScrapeBatch::of_this_thread();
  batch.clear();
  cache_.begin();
  append_stale(t, false);
  report_.append_stale(t, batch.samples);
  const auto appender = store.appender();
  appender->accept_out_of_order(false);
  appender->append(batch.samples);
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
