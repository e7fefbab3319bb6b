// ExtraBatch: what a batch holds beside plain floats.
//
// Threads: its appender's.
#pragma once

#include <vector>

#include "model/labels.h"
#include "storage/appender.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

struct ExtraBatch {
  struct PendingExemplar {
    storage::SeriesRef ref;
    WalRef wal_ref;  ///< known at the commit
    Labels series;
    storage::Exemplar exemplar;
  };
  struct PendingMetadata {
    storage::SeriesRef ref;
    MetadataRecord record;
  };
  std::vector<PendingExemplar> exemplars;
  std::vector<PendingMetadata> metadata;

  /// Encoded records; empty where there is nothing to say.
  std::vector<std::byte> metadata_bytes;
  std::vector<std::byte> exemplar_bytes;

  void encode_metadata();
  void encode_exemplars();
};

}  // namespace narthex::tsdb
