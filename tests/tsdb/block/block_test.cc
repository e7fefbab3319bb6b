#include "tsdb/block/block.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "io/crc32c.h"
#include "io/fault_file_system.h"
#include "tests/tsdb/block/block_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/block/index_reader.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/chunk/chunk_builder.h"

namespace narthex::tsdb {
namespace {

const std::string kDir = "data";
const std::string kBlock = "data/01HF4YRXG0ABCDEFGHJKMNPQRS";

void write_file(io::FileSystem& fs, const std::string& path, io::Bytes bytes) {
  auto file = fs.open_writable(path, io::OpenMode::create_truncate);
  REQUIRE(file);
  REQUIRE((*file)->append(bytes));
}

/// Whether the series' own labels satisfy all matchers: the plain meaning of a selection.
bool satisfies(const Labels& labels, std::span<const Matcher> matchers) {
  return std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches(labels.get(m.name())); });
}

}  // namespace

TEST_CASE("block: what was written comes back, sorted by labels, with its counts") {
  io::FaultFileSystem fs;
  const PlainSeries series = make_series(40, 300);
  const auto written = write_block(fs, kDir, series, make_meta(1'700'000'000'000, 1'700'007'200'000));
  REQUIRE_MESSAGE(written, why(written));
  CHECK(written->num_series == 120);
  CHECK(written->num_samples == 36'000);
  CHECK(written->num_float_samples == 36'000);
  CHECK(written->num_histogram_samples == 0);
  CHECK(written->num_chunks == 360);
  const auto block = open_block(fs, kBlock);
  CHECK(block->meta().ulid == "01HF4YRXG0ABCDEFGHJKMNPQRS");
  CHECK(block->meta().num_chunks == 360);
  CHECK(block->directory() == kBlock);
  const auto all = select(*block, {}, {});
  REQUIRE_MESSAGE(all, why(all));
  CHECK(std::ranges::is_sorted(*all, {}, [](const auto& s) { return s.first; }));
  CHECK(PlainSeries(all->begin(), all->end()) == series);
  CHECK(!fs.exists(kBlock + ".tmp-for-creation"));
}

TEST_CASE("block: matchers select what their plain meaning selects") {
  io::FaultFileSystem fs;
  const PlainSeries series = make_series(300, 1);
  REQUIRE(write_block(fs, kDir, series, make_meta(1'700'000'000'000, 1'700'007'200'000)));
  const auto block = open_block(fs, kBlock);
  using enum MatchOp;
  const std::vector<Matcher> pool = {
      matcher(equal, "__name__", "up"),
      matcher(equal, "__name__", "absent"),
      matcher(equal, "job", "node"),
      matcher(not_equal, "job", "node"),
      matcher(not_equal, "job", "absent"),
      matcher(regex, "job", "node|db"),
      matcher(not_regex, "job", "node|db"),
      matcher(regex, "job", ".*"),
      matcher(regex, "job", ".+"),
      matcher(not_regex, "job", ".+"),
      matcher(regex, "instance", "host-1.*"),
      matcher(not_regex, "instance", "host-1.*"),
      matcher(regex, "instance", ".*7.*"),
      matcher(regex, "instance", "host-(5|17|99999):9100"),
      matcher(equal, "zone", ""),
      matcher(not_equal, "zone", ""),
      matcher(equal, "zone", "eu-1"),
      matcher(not_equal, "zone", "eu-1"),
      matcher(regex, "zone", "|eu-1"),
      matcher(not_regex, "zone", "|eu-1"),
      matcher(regex, "zone", "eu.*"),
      matcher(not_regex, "zone", "eu-[12]"),
      matcher(equal, "missing", ""),
      matcher(not_equal, "missing", ""),
      matcher(equal, "missing", "x"),
      matcher(not_equal, "missing", "x"),
      matcher(regex, "missing", "x.*"),
      matcher(not_regex, "missing", "x.*"),
  };
  const auto check = [&](std::span<const Matcher> matchers) {
    std::vector<Labels> want;
    for (const auto& [labels, samples] : series)
      if (satisfies(labels, matchers)) want.push_back(labels);
    const auto got = select(*block, {}, matchers);
    REQUIRE_MESSAGE(got, why(got));
    std::vector<Labels> labels;
    for (const auto& s : *got) labels.push_back(s.first);
    CHECK(labels == want);
  };
  for (const Matcher& a : pool) {
    CAPTURE(a.to_string());
    check({&a, 1});
    for (const Matcher& b : pool) {
      CAPTURE(b.to_string());
      const Matcher two[] = {a, b};
      check(two);
      const Matcher three[] = {pool[0], a, b};
      check(three);
      const Matcher four[] = {pool[13], b, a, pool[7]};
      check(four);
    }
  }
  const auto limited = select(*block, {}, {}, 5);
  REQUIRE(limited);
  CHECK(limited->size() == 5);
}

TEST_CASE("block: label names and values, of all series and of matching ones") {
  io::FaultFileSystem fs;
  const PlainSeries series = make_series(50, 1);
  REQUIRE(write_block(fs, kDir, series, make_meta(1'700'000'000'000, 1'700'007'200'000)));
  const auto block = open_block(fs, kBlock);
  const auto querier = block->querier({});
  REQUIRE(querier);
  using Texts = std::vector<std::string>;
  using enum MatchOp;
  CHECK(*(*querier)->label_names({}, 0) == Texts{"__name__", "instance", "job", "zone"});
  CHECK(*(*querier)->label_names({}, 2) == Texts{"__name__", "instance"});
  const Matcher no_zone[] = {matcher(equal, "zone", "")};
  CHECK(*(*querier)->label_names(no_zone, 0) == Texts{"__name__", "instance", "job"});
  CHECK(*(*querier)->label_values("job", {}, 0) == Texts{"api", "db", "node"});
  CHECK(*(*querier)->label_values("job", {}, 1) == Texts{"api"});
  CHECK((*querier)->label_values("instance", {}, 0)->size() == 50);
  const Matcher own[] = {matcher(regex, "job", "a.*|db")};
  CHECK(*(*querier)->label_values("job", own, 0) == Texts{"api", "db"});
  const Matcher other[] = {matcher(equal, "instance", "host-4:9100"), matcher(equal, "__name__", "up")};
  CHECK(*(*querier)->label_values("job", other, 0) == Texts{"api"});
  CHECK(*(*querier)->label_values("zone", other, 0) == Texts{"eu-4"});
  CHECK(*(*querier)->label_values("missing", {}, 0) == Texts{});
  CHECK(*(*querier)->label_values("missing", other, 0) == Texts{});
  CHECK(*(*querier)->label_values("", {}, 0) == Texts{});
}

TEST_CASE("block: only series and samples inside the range come out") {
  io::FaultFileSystem fs;
  PlainSeries series;
  for (int i = 0; i < 10; ++i) {
    auto& samples = series[Labels{{"__name__", "m"}, {"i", std::to_string(i)}}];
    for (int k = 0; k < 250; ++k) samples.push_back({i * 100'000 + k * 100, static_cast<double>(k)});
  }
  REQUIRE(write_block(fs, kDir, series, make_meta(0, 1'000'000)));
  const auto block = open_block(fs, kBlock);
  for (const TimeRange range :
       {TimeRange{}, TimeRange{0, 0}, TimeRange{12'000, 111'950}, TimeRange{24'901, 99'999},
        TimeRange{924'900, kMaxTime}, TimeRange{5, 4}, TimeRange{300'150, 300'150}}) {
    CAPTURE(range.mint);
    CAPTURE(range.maxt);
    PlainSeries want;
    for (const auto& [labels, samples] : series) {
      for (const PlainSample& s : samples)
        if (range.contains(s.t)) want[labels].push_back(s);
    }
    const auto got = select(*block, range, {});
    REQUIRE(got);
    PlainSeries found(got->begin(), got->end());
    std::erase_if(found, [](const auto& s) { return s.second.empty(); });
    CHECK(found == want);
  }
}

TEST_CASE("block: tombstones take samples, chunks and whole series away") {
  io::FaultFileSystem fs;
  const PlainSeries series = make_series(8, 250, 0);
  REQUIRE(write_block(fs, kDir, series, make_meta(0, 4'000'000)));
  // References are offsets / 16; read from the index' own list of all series.
  const auto index = IndexReader::open(fs, kBlock + "/index");
  REQUIRE(index);
  const auto all = (*index)->postings("", "");
  REQUIRE(all);
  REQUIRE(all->size() == series.size());
  const std::uint32_t first = (*all)[0], second = (*all)[1], third = (*all)[2];
  const std::vector<Stone> stones = {{first, {kMinTime, kMaxTime}},
                                     {second, {100'000, 200'000}},
                                     {second, {150'000, 1'900'000}},
                                     {third, {0, 1'000'000}},
                                     {third, {1'000'001, kMaxTime}}};
  write_file(fs, kBlock + "/tombstones", write_tombstones(stones));
  const auto block = open_block(fs, kBlock);
  PlainSeries want = series;
  const Labels deleted = want.begin()->first;
  const Labels holed = std::next(want.begin())->first;
  const Labels gone = std::next(want.begin(), 2)->first;
  want.erase(deleted);
  want.erase(gone);
  std::erase_if(want[holed], [](const PlainSample& s) { return 100'000 <= s.t && s.t <= 1'900'000; });
  CHECK(read_block(*block) == want);
  const auto inside = select(*block, {150'000, 300'000}, {});
  REQUIRE(inside);
  CHECK(inside->size() == series.size() - 3);
}

TEST_CASE("block: labels that are not wanted are left out, series are not") {
  io::FaultFileSystem fs;
  const PlainSeries series = make_series(4, 3);
  REQUIRE(write_block(fs, kDir, series, make_meta(1'700'000'000'000, 1'700'007'200'000)));
  const auto block = open_block(fs, kBlock);
  const auto querier = block->querier({});
  LabelPool pool;
  const std::string name = "__name__";
  for (const std::vector<std::string>& wanted : {std::vector<std::string>{}, {name}, {"missing", name}}) {
    const auto set = (*querier)->select({}, {}, pool, {.wanted_labels = wanted});
    REQUIRE(set);
    REQUIRE((*set)->size() == series.size());
    std::size_t i = 0;
    for (const auto& [labels, samples] : series) {
      LabelsBuilder expected;
      if (!wanted.empty()) expected.set(name, labels.get(name));
      CHECK(pool.labels((*set)->labels(i++)) == expected.labels());
    }
  }
}

TEST_CASE("block: samples are appended behind those of another store") {
  io::FaultFileSystem fs;
  REQUIRE(write_block(fs, kDir, make_series(1, 3, 1000), make_meta(0, 4'000'000)));
  const auto block = open_block(fs, kBlock);
  const auto querier = block->querier({});
  LabelPool pool;
  const auto set = (*querier)->select({}, {}, pool, {});
  REQUIRE(set);
  storage::SampleColumns out;
  out.t = {5};
  out.v = {6};
  out.st = {7};
  REQUIRE((*set)->samples(0, {}, out));
  CHECK(out.t == std::vector<Timestamp>{5, 1000, 16'000, 31'000});
  CHECK(out.v.size() == 4);
  CHECK(out.st == std::vector<Timestamp>{7, 0, 0, 0});
}

TEST_CASE("block: a query outlives the block's handle, and reads from several threads at once") {
  io::FaultFileSystem fs;
  const PlainSeries series = make_series(100, 130);
  REQUIRE(write_block(fs, kDir, series, make_meta(0, kMaxTime)));
  auto block = open_block(fs, kBlock);
  const auto querier = block->querier({});
  block.reset();
  LabelPool pool;
  const auto set = (*querier)->select({}, {}, pool, {});
  REQUIRE(set);
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::atomic<std::size_t> samples = 0;
  for (std::size_t n = 0; n < 4; ++n) {
    threads.emplace_back([&, n] {
      for (std::size_t i = n; i < (*set)->size(); i += 4) {
        storage::SampleColumns out;
        if ((*set)->samples(i, {}, out)) samples += out.t.size();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(samples == 300 * 130);
}

TEST_CASE("block writer: what contradicts its contract is refused") {
  io::FaultFileSystem fs;
  const std::vector<std::string> symbols = {"a", "b", "c"};
  CHECK(!BlockWriter::create(fs, kDir, make_meta(0, 1, "no ulid"), symbols));
  const auto bytes = encode_chunk(std::vector<PlainSample>{{1, 1}, {5, 2}});
  const ChunkToWrite chunk{1, 5, kXorEncoding, bytes};
  const ChunkToWrite twice[] = {chunk, chunk};
  {
    auto writer = BlockWriter::create(fs, kDir, make_meta(0, 10), symbols);
    REQUIRE(writer);
    REQUIRE((*writer)->add_series(Labels{{"a", "b"}}, {&chunk, 1}));
    CHECK((*writer)->add_series(Labels{{"a", "c"}}, {}));
    CHECK(!(*writer)->add_series(Labels{{"a", "b"}}, {&chunk, 1}));
    CHECK(!(*writer)->add_series(Labels{{"a", "a"}}, {&chunk, 1}));
    CHECK(!(*writer)->add_series(Labels{{"b", "unknown"}}, {&chunk, 1}));
    CHECK(!(*writer)->add_series(Labels{{"b", "c"}}, twice));
  }
  // Not finished: nothing is left.
  CHECK(fs.list(kDir)->empty());
}

TEST_CASE("block writer: whichever operation fails, there is a whole block or none") {
  const PlainSeries series = make_series(3, 5);
  bool failed = true;
  for (int nth = 0; failed; ++nth) {
    CAPTURE(nth);
    io::FaultFileSystem fs;
    REQUIRE(fs.make_directories(kDir));
    REQUIRE(fs.sync_directory("."));
    int left = nth;
    failed = false;
    fs.set_judge([&](io::Operation, const std::string&) -> std::optional<Error> {
      if (left-- != 0) return std::nullopt;
      failed = true;
      return Error{Code::io, "injected", {}};
    });
    const auto written = write_block(fs, kDir, series, make_meta(0, kMaxTime));
    fs.set_judge(nullptr);
    if (written) {
      CHECK(!failed);
      fs.crash();
      CHECK(read_block(*open_block(fs, kBlock)) == series);
    } else if (fs.exists(kBlock)) {
      // Only the sync of the parent may fail behind the rename.
      CHECK(read_block(*open_block(fs, kBlock)) == series);
    }
    REQUIRE(nth < 1000);
  }
}

TEST_CASE("block: a wrong byte anywhere is an error that names the file, or changes nothing") {
  io::FaultFileSystem fs;
  const PlainSeries series = make_series(2, 3);
  REQUIRE(write_block(fs, kDir, series, make_meta(0, kMaxTime)));
  for (const std::string name : {"index", "chunks/000001", "tombstones"}) {
    const std::string path = fmt::format("{}/{}", kBlock, name);
    const std::string good = *fs.read_file(path);
    for (std::size_t at = 0; at < good.size(); ++at) {
      CAPTURE(name);
      CAPTURE(at);
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 0x10);
      write_file(fs, path, io::as_bytes(bad));
      const auto block = Block::open(fs, kBlock);
      if (!block) {
        CHECK(block.error().code == Code::corruption);
        continue;
      }
      const auto got = select(**block, {}, {});
      if (got) {
        CHECK(PlainSeries(got->begin(), got->end()) == series);
      } else {
        CHECK(got.error().code == Code::corruption);
        CHECK(got.error().text.find(kBlock) != std::string::npos);
      }
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
      write_file(fs, path, io::as_bytes(good.substr(0, size)));
      const auto block = Block::open(fs, kBlock);
      if (block) CHECK(!select(**block, {}, {}));
    }
    write_file(fs, path, io::as_bytes(good));
  }
}

TEST_CASE("block: an encoding that nobody knows is named, and counted all the same") {
  io::FaultFileSystem fs;
  auto writer = BlockWriter::create(fs, kDir, make_meta(0, 10), {"__name__", "z"});
  REQUIRE(writer);
  const auto bytes = encode_chunk(std::vector<PlainSample>{{1, 1}, {5, 2}});
  const ChunkToWrite chunk{1, 5, 77, bytes};
  REQUIRE((*writer)->add_series(Labels{{"__name__", "z"}}, {&chunk, 1}));
  const auto meta = (*writer)->finish();
  REQUIRE(meta);
  CHECK(meta->num_samples == 2);
  const auto got = select(*open_block(fs, kBlock), {}, {});
  REQUIRE(!got);
  CHECK(got.error().code == Code::corruption);
  CHECK(got.error().text.find("encoding 77") != std::string::npos);
}

Histogram histogram_of(std::uint64_t count) {
  Histogram h;
  h.count = count;
  h.sum = static_cast<double>(count) / 2;
  h.positive_spans = {{0, 2}};
  h.positive_deltas = {static_cast<std::int64_t>(count), -static_cast<std::int64_t>(count)};
  return h;
}

TEST_CASE("block: histograms beside floats, with deleted ones left out") {
  ChunkBuilder builder({});
  for (Timestamp t = 0; t < 10; ++t) builder.append(t, 0, static_cast<double>(t));
  for (Timestamp t = 10; t < 20; ++t) builder.append(t, 0, histogram_of(static_cast<std::uint64_t>(t)));
  for (Timestamp t = 20; t < 30; ++t)
    builder.append(t, 0, to_float(histogram_of(static_cast<std::uint64_t>(t))));
  builder.finish();
  const auto built = builder.take_finished();
  REQUIRE(built.size() == 3);
  std::vector<ChunkToWrite> chunks;
  for (const BuiltChunk& c : built) chunks.push_back({c.range.mint, c.range.maxt, c.encoding, c.bytes});
  io::FaultFileSystem fs;
  auto writer = BlockWriter::create(fs, kDir, make_meta(0, 30), {"__name__", "h"});
  REQUIRE(writer);
  REQUIRE((*writer)->add_series(Labels{{"__name__", "h"}}, chunks));
  const auto meta = (*writer)->finish();
  REQUIRE(meta);
  CHECK(meta->num_samples == 30);
  CHECK(meta->num_float_samples == 10);
  CHECK(meta->num_histogram_samples == 20);
  const auto index = IndexReader::open(fs, kBlock + "/index");
  const Stone stone{(*(*index)->postings("", ""))[0], {8, 12}};
  write_file(fs, kBlock + "/tombstones", write_tombstones({&stone, 1}));

  const auto block = open_block(fs, kBlock);
  const auto querier = block->querier({2, 27});
  LabelPool pool;
  const auto set = (*querier)->select({2, 27}, {}, pool, {});
  REQUIRE_MESSAGE(set, why(set));
  REQUIRE((*set)->size() == 1);
  storage::SampleColumns columns;
  // A second time behind the first, as a query over two stores does.
  for (std::size_t first : {std::size_t{0}, std::size_t{21}}) {
    REQUIRE((*set)->samples(0, {2, 27}, columns));
    REQUIRE(columns.t.size() == first + 21);
    std::size_t next = first == 0 ? 0 : 15;
    for (std::size_t i = 0; i < 21; ++i) {
      const Timestamp t = i < 6 ? static_cast<Timestamp>(i) + 2 : static_cast<Timestamp>(i) + 7;
      CHECK(columns.t[first + i] == t);
      if (t < 10) {
        CHECK(columns.v[first + i] == static_cast<double>(t));
      } else {
        REQUIRE(next < columns.histograms.size());
        CHECK(columns.histograms[next].index == first + i);
        CHECK(columns.histograms[next++].value.count == static_cast<double>(t));
      }
    }
    CHECK(columns.histograms.size() == next);
  }
}

TEST_CASE("tombstones: the bytes, and several that cover a range together") {
  const std::vector<std::byte> none = write_tombstones({});
  CHECK(io::as_text(none) == std::string_view("\x01\x30\xba\x30\x01\x00\x00\x00\x00", 9));
  const std::vector<Stone> stones = {{1, {10, 20}}, {1, {15, 18}}, {1, {21, 30}}, {1, {40, 50}}};
  const struct {
    TimeRange range;
    bool want;
  } rows[] = {{{10, 30}, true},  {{9, 30}, false}, {{10, 31}, false}, {{40, 50}, true},
              {{30, 40}, false}, {{22, 25}, true}, {{60, 70}, false}, {{16, 16}, true}};
  for (const auto& row : rows) {
    CAPTURE(row.range.mint);
    CHECK(covers(stones, row.range) == row.want);
  }
}

TEST_CASE("tombstones: their order depends on nothing but what they say") {
  // Many, so that a sort that is not stable would show.
  std::vector<Stone> stones;
  for (Timestamp i = 0; i < 40; ++i) stones.push_back({7, {i % 2, i * 7 % 40}});
  const Tombstones first(stones);
  std::ranges::reverse(stones);
  const Tombstones second(stones);
  CHECK(write_tombstones(first.all()) == write_tombstones(second.all()));
}

TEST_CASE("block: version 1 of the index is read") {
  const char* env = std::getenv("NARTHEX_CONFORMANCE");
  const std::string dir = (env ? std::string(env) : "../shared/conformance") + "/tsdb/index_format_v1";
  if (!std::filesystem::exists(dir)) {
    MESSAGE("skipped: no " << dir << "; set NARTHEX_CONFORMANCE");
    return;
  }
  auto block = Block::open(io::local_file_system(), dir);
  REQUIRE_MESSAGE(block, why(block));
  CHECK((*block)->meta().num_series == 102);
  const PlainSeries all = read_block(**block);
  CHECK(all.size() == 102);
  std::size_t samples = 0;
  for (const auto& [labels, series] : all) samples += series.size();
  CHECK(samples == 102);
  const Matcher some[] = {matcher(MatchOp::equal, "foo", ""), matcher(MatchOp::regex, "bar", "1.")};
  const auto got = select(**block, {}, some);
  REQUIRE(got);
  std::size_t want = 0;
  for (const auto& [labels, series] : all) want += satisfies(labels, some);
  CHECK(got->size() == want);
  CHECK(want == 10);
  const auto querier = (*block)->querier({});
  CHECK(*(*querier)->label_names({}, 0) == std::vector<std::string>{"bar", "foo"});
  // Written again in version 2 it says the same.
  io::FaultFileSystem fs;
  REQUIRE(write_block(fs, kDir, all, make_meta(0, 7'200'000)));
  CHECK(read_block(*open_block(fs, kBlock)) == all);
}

}  // namespace narthex::tsdb
