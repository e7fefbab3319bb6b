// An index of arbitrary series, written and read as versions 2 and 3: labels, symbols, postings and
// matching agree with the list of the series.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "model/time.h"
#include "tests/fuzz/fuzz_input.h"
#include "tsdb/block/index_reader.h"
#include "tsdb/block/index_writer.h"
#include "tsdb/block/matching.h"

namespace {

using namespace narthex;
using namespace narthex::tsdb;

/// Few different ones, so that they meet; some long, some with zeros.
std::string make_text(std::uint8_t byte, char first) {
  std::string text = first + std::to_string(byte % 13);
  if (byte % 17 == 0) text.append(300, 'x');
  if (byte % 19 == 0) text.push_back('\0');
  return text;
}

std::set<Labels> take_series(FuzzInput& input) {
  std::set<Labels> all;
  while (!input.empty() && all.size() < 200) {
    LabelsBuilder labels;
    const std::size_t count = 1 + input.u8() % 5;
    for (std::size_t i = 0; i < count; ++i)
      labels.set(make_text(input.u8(), 'n'), make_text(input.u8(), 'v'));
    all.insert(labels.labels());
  }
  return all;
}

std::vector<ChunkMeta> chunks_of(std::size_t series) {
  std::vector<ChunkMeta> chunks;
  for (std::size_t i = 0; i < 1 + series % 3; ++i) {
    const auto t = static_cast<Timestamp>(1000 * i + series);
    const Timestamp maxt = t + 900;
    chunks.push_back({t, maxt, 8 + 100 * i});
  }
  return chunks;
}

void write_index(io::FileSystem& fs, const std::set<Labels>& all, std::set<std::string>& symbols) {
  for (const Labels& labels : all) {
    for (const LabelView l : labels) {
      symbols.emplace(l.name);
      symbols.emplace(l.value);
    }
  }
  auto writer = IndexWriter::create(fs, "index", {symbols.begin(), symbols.end()});
  check(writer.has_value(), "an index can be begun");
  std::size_t number = 0;
  for (const Labels& labels : all)
    check(writer->add_series(labels, chunks_of(number++)).has_value(), "a series can be added");
  check(writer->finish().has_value(), "an index can be finished");
}

Labels labels_of(const SeriesEntry& series, const SymbolTable& symbols) {
  std::vector<LabelView> pairs;
  const auto read = series.each_label([&](std::uint64_t name, std::uint64_t value) {
    const auto n = symbols.text(name);
    const auto v = symbols.text(value);
    check(n.has_value() && v.has_value(), "a label names symbols");
    pairs.push_back({*n, *v});
  });
  check(read.has_value(), "labels can be read");
  return Labels::from_pairs(std::move(pairs));
}

void check_matching(const IndexReader& index, const std::set<Labels>& all,
                    const std::vector<std::uint32_t>& refs, const Matcher& matcher) {
  const auto found = match_series(index, {&matcher, 1});
  check(found.has_value(), "matching works");
  std::vector<std::uint32_t> want;
  std::size_t i = 0;
  for (const Labels& labels : all) {
    if (matcher.matches(labels.get(matcher.name()))) want.push_back(refs[i]);
    ++i;
  }
  check(std::vector<std::uint32_t>(found->begin(), found->end()) == want, "matching finds what matches");
}

void check_index(io::FileSystem& fs, const std::set<Labels>& all, const std::set<std::string>& texts) {
  const auto index = IndexReader::open(fs, "index");
  check(index.has_value(), "our own index opens");
  const auto symbols = (*index)->symbols();
  check(symbols.has_value() && (*symbols)->size() == texts.size(), "all symbols are there");
  auto text = texts.begin();
  check((*symbols)->each([&](std::string_view s) { check(s == *text++, "in their order"); }).has_value(),
        "symbols can be read");
  const auto everything = (*index)->postings("", "");
  check(everything.has_value() && everything->size() == all.size(), "all series are there");
  std::vector<std::uint32_t> refs;
  std::size_t number = 0;
  for (const Labels& labels : all) {
    refs.push_back((*everything)[number]);
    const auto series = (*index)->series(refs.back());
    check(series.has_value() && labels_of(*series, **symbols) == labels, "with their labels");
    std::vector<ChunkMeta> chunks;
    check(series->chunks(chunks).has_value(), "chunks can be read");
    const std::vector<ChunkMeta> want = chunks_of(number++);
    check(chunks.size() == want.size(), "as many as there were");
    for (std::size_t i = 0; i < want.size(); ++i)
      check(chunks[i].mint == want[i].mint && chunks[i].maxt == want[i].maxt && chunks[i].ref == want[i].ref,
            "as they were");
  }
  for (const Labels& labels : all) {
    const LabelView l = *labels.begin();
    for (const MatchOp op : {MatchOp::equal, MatchOp::not_equal})
      check_matching(**index, all, refs, Matcher::literal(op, std::string(l.name), std::string(l.value)));
  }
  for (const MatchOp op : {MatchOp::regex, MatchOp::not_regex}) {
    for (const char* pattern : {"v1.*", "v[2-5]", "v1|v3", ".+", ""}) {
      const auto matcher = Matcher::make(op, "n1", pattern);
      check(matcher.has_value(), "a pattern is sound");
      check_matching(**index, all, refs, *matcher);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  const std::set<Labels> all = take_series(input);
  if (all.empty()) return 0;
  io::FaultFileSystem fs;
  std::set<std::string> texts;
  write_index(fs, all, texts);
  check_index(fs, all, texts);
  // Version 3 is read like 2.
  const auto file = fs.open_writable("index", io::OpenMode::append);
  check(file.has_value() && (*file)->write_at(4, io::as_bytes("\x03")).has_value(), "a byte can be changed");
  check_index(fs, all, texts);
  return 0;
}
