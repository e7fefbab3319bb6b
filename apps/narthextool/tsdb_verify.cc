#include "apps/narthextool/tsdb_verify.h"

#include <fmt/format.h>

#include "tsdb/verify.h"

namespace narthex::apps {
namespace {

class Reporter final : public tsdb::VerifyObserver {
 public:
  Reporter(Progress& progress, const Print& print) : progress_(progress), print_(print) {}

  void found(const tsdb::Finding& finding) override {
    progress_.clear();
    const char* severity = finding.severity == tsdb::Severity::damage ? "damage" : "notice";
    if (finding.offset) {
      print_(fmt::format("{}: {}: offset {}: {}\n", severity, finding.path, *finding.offset, finding.reason));
    } else {
      print_(fmt::format("{}: {}: {}\n", severity, finding.path, finding.reason));
    }
  }
  void progress(std::uint64_t done_bytes, std::uint64_t total_bytes) override {
    progress_.update(done_bytes, total_bytes);
  }

 private:
  Progress& progress_;
  const Print& print_;
};

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

}  // namespace

Result<bool> verify(io::FileSystem& fs, const std::string& directory, Progress& progress,
                    const Print& print) {
  Reporter reporter(progress, print);
  auto totals = tsdb::verify_directory(fs, directory, reporter);
  progress.clear();
  if (!totals) return pass(totals);
  print(fmt::format("{}, {} series, {}, {}; {}, {}; {}, {}; {} bytes\n",
                    counted(totals->blocks, "block", "blocks"), totals->series,
                    counted(totals->chunks, "chunk", "chunks"), counted(totals->samples, "sample", "samples"),
                    counted(totals->log_segments, "log segment", "log segments"),
                    counted(totals->log_records, "record", "records"),
                    counted(totals->head_chunk_files, "head chunk file", "head chunk files"),
                    counted(totals->head_chunks, "chunk", "chunks"), totals->bytes));
  if (totals->damage > 0)
    print(fmt::format("damage in {}", counted(totals->damage, "place", "places")));
  else
    print("no damage");
  print(fmt::format(", {}\n", counted(totals->notices, "notice", "notices")));
  return totals->damage == 0;
}

}  // namespace narthex::apps
