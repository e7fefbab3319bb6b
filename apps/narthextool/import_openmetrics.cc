#include "apps/narthextool/import_openmetrics.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <string_view>

#include "apps/narthextool/tsdb_list.h"
#include "scrape/exposition/open_metrics_stream.h"
#include "telemetry/log.h"

namespace narthex::apps {
namespace {

/// So that block ranges can be reckoned with.
constexpr Timestamp kFarthestTime = kMaxTime / 2;
constexpr std::size_t kMostBlocksAtATime = 16;
/// Pages of the file stay in memory for so long.
constexpr std::size_t kKeptBytes = std::size_t{64} << 20;

struct SeriesKey {
  std::uint64_t low;
  std::uint64_t high;
  bool operator==(const SeriesKey&) const = default;
};
struct SeriesKeyHash {
  using is_avalanching = void;
  std::size_t operator()(const SeriesKey& key) const { return key.low; }
};

/// What a series' text and the type it stands under come to. The type decides how `le` is read.
SeriesKey key_of(std::string_view text, scrape::MetricType type) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(text.data(), text.size(), static_cast<XXH64_hash_t>(type));
  return {hash.low64, hash.high64};
}

/// The text, wherever it comes from.
class Input {
 public:
  static Result<Input> open(io::FileSystem& fs, const std::string& path) {
    Input input;
    std::error_code ignored;
    const auto kind = std::filesystem::status(path, ignored).type();
    // Neither can be read twice.
    if (kind == std::filesystem::file_type::fifo || kind == std::filesystem::file_type::character) {
      auto content = fs.read_file(path);
      if (!content) return pass(content);
      input.content_ = *std::move(content);
      return input;
    }
    auto mapping = fs.map(path);
    if (!mapping && mapping.error().code == Code::not_found)
      return fail(Code::not_found, "stat " + path + ": no such file or directory");
    if (!mapping) return pass(mapping);
    input.mapping_ = *std::move(mapping);
    return input;
  }

  [[nodiscard]] std::string_view text() const& {
    return mapping_ ? io::as_text(mapping_->bytes()) : std::string_view(content_);
  }
  void release_pages() const {
    if (mapping_) mapping_->release_pages();
  }

 private:
  std::unique_ptr<io::Mapping> mapping_;
  std::string content_;
};

Error with_line(Error error) {
  if (error.at && error.at->line != 0) error.text += fmt::format(" (line {})", error.at->line);
  return error;
}

class Import {
 public:
  Import(io::FileSystem& fs, const OpenMetricsImportOptions& options, const Input& input, const Clock& clock,
         Progress& progress, const Print& print)
      : fs_(fs),
        options_(options),
        input_(input),
        clock_(clock),
        progress_(progress),
        print_(print),
        directory_(options.directory),
        block_duration_(import_block_duration(options.max_block_duration)) {
    while (directory_.size() > 1 && directory_.ends_with('/')) directory_.pop_back();
  }

  Result<void> run() {
    if (auto surveyed = survey(); !surveyed) return pass(surveyed, "getting min and max timestamp");
    const std::vector<Pass> passes = plan();
    passes_ = 1 + passes.size();
    for (const Pass& blocks : passes) {
      if (auto made = make_blocks(blocks); !made) return pass(made, "block creation: process blocks");
    }
    if (left_out_ > 0) {
      progress_.clear();
      telemetry::warn("Samples were left out: not newer than one of their series shortly before them",
                      {{"samples", std::to_string(left_out_)}});
    }
    return {};
  }

 private:
  struct BlockInWork {
    explicit BlockInWork(DurationMs duration, std::size_t batch) : import(duration, batch) {}
    BlockImport import;
    boost::unordered_flat_map<SeriesKey, BlockImport::SeriesNumber, SeriesKeyHash> series;
  };
  /// Starts of blocks that are made together.
  using Pass = std::vector<Timestamp>;
  using BlocksInWork = std::map<Timestamp, std::unique_ptr<BlockInWork>>;

  /// Hands every sample of the text to `take`.
  template <class Take>
  Result<void> for_each_sample(Take take) {
    scrape::OpenMetricsStream stream(input_.text());
    std::size_t released = 0;
    for (;;) {
      const auto kind = stream.next();
      if (!kind) return std::unexpected(with_line(kind.error()).during("next"));
      note_progress(stream.position());
      if (stream.position() - released > kKeptBytes) {
        input_.release_pages();
        released = stream.position();
      }
      if (*kind == scrape::EntryKind::end) break;
      if (*kind != scrape::EntryKind::series) continue;
      if (auto taken = take(stream); !taken) return std::unexpected(with_line(std::move(taken).error()));
    }
    done_before_ += input_.text().size();
    last_position_ = 0;
    return {};
  }

  void note_progress(std::size_t position) {
    if (position == last_position_) return;
    last_position_ = position;
    progress_.update(done_before_ + position, passes_ * input_.text().size());
  }

  /// Refuses what cannot be imported, and counts the samples of each block.
  Result<void> survey() {
    boost::unordered_flat_set<SeriesKey, SeriesKeyHash> known;
    return for_each_sample([&](scrape::OpenMetricsStream& stream) -> Result<void> {
      const scrape::Entry& entry = stream.entry();
      if (!entry.timestamp) {
        return std::unexpected(
            stream.explain({Code::invalid, "expected timestamp for series got none", std::nullopt}));
      }
      if (*entry.timestamp < -kFarthestTime || *entry.timestamp > kFarthestTime) {
        return std::unexpected(
            stream.explain({Code::invalid, "next: the timestamp is too far from now", std::nullopt}));
      }
      if (const auto value = scrape::parse_value_or_error(entry.value_text); !value)
        return std::unexpected(stream.explain(value.error()).during("next"));
      if (known.insert(key_of(entry.series_text, stream.type())).second) {
        if (const auto labels = labels_of(stream); !labels)
          return std::unexpected(stream.explain(labels.error()).during("next"));
      }
      ++samples_[start_of_block(*entry.timestamp, block_duration_)];
      return {};
    });
  }

  [[nodiscard]] std::vector<Pass> plan() const {
    std::vector<Pass> passes;
    std::uint64_t in_pass = 0;
    for (const auto& [start, samples] : samples_) {
      if (passes.empty() || in_pass + samples > options_.samples_at_a_time ||
          passes.back().size() == kMostBlocksAtATime) {
        passes.emplace_back();
        in_pass = 0;
      }
      passes.back().push_back(start);
      in_pass += samples;
    }
    return passes;
  }

  Result<void> make_blocks(const Pass& starts) {
    BlocksInWork blocks;
    for (const Timestamp start : starts)
      blocks.emplace(start, std::make_unique<BlockInWork>(block_duration_, options_.batch));
    auto read = for_each_sample([&](scrape::OpenMetricsStream& stream) -> Result<void> {
      const auto block = blocks.find(start_of_block(*stream.entry().timestamp, block_duration_));
      if (block == blocks.end()) return {};
      if (auto added = add_sample(stream, *block->second); !added)
        return std::unexpected(stream.explain(std::move(added).error()).during("add sample"));
      return {};
    });
    if (!read) return read;
    for (auto& [start, block] : blocks) {
      auto written = block->import.write(fs_, directory_, clock_);
      if (!written) return pass(written, "flush");
      left_out_ += block->import.left_out();
      block.reset();
      report(*written);
    }
    return {};
  }

  Result<void> add_sample(const scrape::OpenMetricsStream& stream, BlockInWork& block) {
    const scrape::Entry& entry = stream.entry();
    const SeriesKey key = key_of(entry.series_text, stream.type());
    auto known = block.series.find(key);
    if (known == block.series.end()) {
      const auto labels = labels_of(stream);
      if (!labels) return std::unexpected(labels.error());
      const auto number = block.import.series(*labels);
      if (!number) return std::unexpected(number.error());
      known = block.series.emplace(key, *number).first;
    }
    const auto value = scrape::parse_value_or_error(entry.value_text);
    if (!value) return std::unexpected(value.error());
    return block.import.add(known->second, *entry.timestamp, *value);
  }

  [[nodiscard]] Result<Labels> labels_of(const scrape::OpenMetricsStream& stream) const {
    auto labels =
        scrape::parse_series(stream.entry().series_text,
                             {.format = scrape::Format::open_metrics, .type = stream.type(), .unit = {}});
    if (!labels || options_.labels.empty()) return labels;
    LabelsBuilder builder(*labels);
    for (const auto& [name, value] : options_.labels) builder.set(name, value);
    return builder.labels();
  }

  void report(const std::shared_ptr<tsdb::Block>& block) {
    if (options_.quiet || !block) return;
    progress_.clear();
    print_blocks({block}, !printed_header_, options_.human_readable, print_);
    printed_header_ = true;
  }

  io::FileSystem& fs_;
  const OpenMetricsImportOptions& options_;
  const Input& input_;
  const Clock& clock_;
  Progress& progress_;
  const Print& print_;
  std::string directory_;
  DurationMs block_duration_;
  std::map<Timestamp, std::uint64_t> samples_;  ///< by start of block
  std::size_t passes_ = 2;
  std::uint64_t done_before_ = 0;  ///< bytes of passes that are done
  std::size_t last_position_ = 0;
  std::uint64_t left_out_ = 0;
  bool printed_header_ = false;
};

}  // namespace

Result<void> import_openmetrics(io::FileSystem& fs, const OpenMetricsImportOptions& options,
                                const Clock& clock, Progress& progress, const Print& print) {
  const auto input = Input::open(fs, options.input);
  if (!input) return std::unexpected(input.error());
  if (auto made = fs.make_directories(options.directory); !made) return pass(made, "create output dir");
  return Import(fs, options, *input, clock, progress, print).run();
}

}  // namespace narthex::apps
