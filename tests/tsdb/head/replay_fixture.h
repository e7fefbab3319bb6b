// A head over a disk that starts as the database starts it: chunk files and the log.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>

#include "io/file_system.h"
#include "tests/tsdb/head/head_fixture.h"
#include "tests/tsdb/why.h"
#include "tsdb/head/head.h"
#include "tsdb/wal/wal.h"
#include "tsdb/wal_replay.h"

namespace narthex::tsdb {

inline constexpr DurationMs kRange = 2 * 3600 * 1000;
inline constexpr Timestamp kStart = 1'700'000'000'000 / kRange * kRange;
inline constexpr DurationMs kStep = 15'000;
inline const std::string kChunks = "/chunks_head";

/// With several threads its chunk files are read beside.
struct Run {
  std::unique_ptr<HeadChunkFiles> files;
  std::unique_ptr<Wal> wal;
  Head head{{}, nullptr};
  HeadChunkFiles::Loaded loaded;
  ReplayReport report;

  Run(io::FileSystem& fs, const std::string& data, std::size_t threads, Timestamp min_valid = kMinTime) {
    auto opened = HeadChunkFiles::open(fs, data + kChunks, nullptr);
    REQUIRE(opened);
    files = std::move(*opened);
    head.use_chunk_files(*files);
    if (min_valid != kMinTime) {
      head.refuse_before(min_valid);
      head.hide_before(min_valid);
    }
    REQUIRE(fs.make_directories(data + "/wal"));
    REQUIRE(repair_wal(fs, data + "/wal", data + "/quarantine"));
    Result<HeadChunkFiles::Loaded> chunks;
    if (threads > 1)
      head.replay_chunk_files_beside([&](Result<HeadChunkFiles::Loaded> read) { chunks = std::move(read); });
    else
      chunks = head.replay_chunk_files();
    auto replayed = replay_wal(fs, data + "/wal", head, threads);
    REQUIRE_MESSAGE(chunks, why(chunks));
    loaded = *chunks;
    REQUIRE_MESSAGE(replayed, why(replayed));
    report = *replayed;
    REQUIRE(head.tidy_chunk_files());
    auto log = Wal::open(fs, data + "/wal", {}, nullptr);
    REQUIRE(log);
    wal = std::move(*log);
    head.start_logging(*wal);
  }

  void scrape(std::size_t series, int step) {
    auto appender = head.appender();
    for (std::size_t s = 0; s < series; ++s) {
      appender->append(*appender->series(series_labels(s)), kStart + step * kStep,
                       s % 3 == 0 ? 1.0 : static_cast<double>((step * 7919) % 1000) / 8);
    }
    REQUIRE(appender->commit());
  }
  [[nodiscard]] Contents contents() { return read(*head.querier({}), {everything()}); }
};

}  // namespace narthex::tsdb
