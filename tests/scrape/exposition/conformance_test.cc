// The OpenMetrics suite's pages, judged as Prometheus judges them, and whole pages of real
// servers. Read from the conformance folder beside the project (or where NARTHEX_CONFORMANCE
// says). Skipped where it is missing.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <vector>

#include "tests/scrape/exposition/read_page.h"

using namespace narthex;
using namespace narthex::scrape;

namespace {

std::string conformance_folder() {
  if (const char* folder = std::getenv("NARTHEX_CONFORMANCE")) return folder;
  const char* root = std::getenv("NARTHEX_SOURCE_ROOT");
  return std::string(root ? root : ".") + "/../shared/conformance";
}

std::optional<std::string> content_of(const std::string& name) {
  const std::string path = conformance_folder() + "/" + name;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    MESSAGE("skipped: no conformance data at ", path);
    return std::nullopt;
  }
  return std::string(std::istreambuf_iterator<char>(file), {});
}

struct Verdict {
  std::string name;
  bool accepted;
  std::string error;
};

/// What Prometheus does with each page. Version 2.42 was asked; since then it reads exemplars on
/// every sample and a comma behind the last label.
std::vector<Verdict> verdicts() {
  const auto table = content_of("openmetrics/prometheus-2.42.tsv");
  std::vector<Verdict> rows;
  if (!table) return rows;
  std::istringstream lines(*table);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string suite;
    std::string verdict;
    Verdict row;
    std::getline(fields, row.name, '\t');
    std::getline(fields, suite, '\t');
    std::getline(fields, verdict, '\t');
    std::getline(fields, row.error, '\t');
    const auto refused_for = [&](std::string_view words) {
      return row.error.find(words) != std::string::npos;
    };
    row.accepted = verdict == "accept" || refused_for("does not support exemplars") ||
                   refused_for("expected label name, got \"BCLOSE\"");
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

TEST_CASE("pages of the OpenMetrics suite are accepted and refused as by Prometheus") {
  std::size_t judged = 0;
  for (const Verdict& row : verdicts()) {
    const auto page = content_of("openmetrics/" + row.name + "/metrics");
    if (!page) continue;
    CAPTURE(row.name);
    CAPTURE(row.error);
    const Page got = read_page(Format::open_metrics, *page);
    CAPTURE(got.error);
    CHECK(got.error.empty() == row.accepted);
    // The same error, as far as its words did not change: numbers, names and types.
    for (const std::string_view words :
         {"strconv.ParseFloat", "unsupported character", "unexpected data after", "invalid metric type",
          "invalid timestamp", "is not unique", "TYPE", "UNIT"})
      if (!row.accepted && row.error.find(words) != std::string::npos)
        CHECK(got.error.find(words) != std::string::npos);
    const Page scalar = read_page(Format::open_metrics, *page, scan_block_scalar);
    CHECK(scalar.entries == got.entries);
    CHECK(scalar.error == got.error);
    ++judged;
  }
  MESSAGE("judged ", judged, " pages");
}

TEST_CASE("pages of real servers are read to their end") {
  const struct {
    std::string name;
    Format format;
    std::size_t samples;
  } rows[] = {{"alltypes.237mfs.prom.txt", Format::text, 1857},
              {"alltypes.237mfs.nometa.prom.txt", Format::text, 1857},
              {"alltypes.5mfs.om.txt", Format::open_metrics, 53},
              {"1histogram.om.txt", Format::open_metrics, 42}};
  for (const auto& row : rows) {
    const auto page = content_of("exposition/" + row.name);
    if (!page) continue;
    CAPTURE(row.name);
    const Page got = read_page(row.format, *page);
    CHECK(got.error == "");
    std::size_t samples = 0;
    std::istringstream lines(got.entries);
    for (std::string line; std::getline(lines, line);) samples += line.starts_with('{') ? 1 : 0;
    CHECK(samples == row.samples);
    CHECK(read_page(row.format, *page, scan_block_scalar).entries == got.entries);
  }
}
