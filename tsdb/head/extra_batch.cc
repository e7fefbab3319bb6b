#include "tsdb/head/extra_batch.h"

namespace narthex::tsdb {

void ExtraBatch::encode_metadata() {
  std::vector<MetadataRecord> records;
  for (const PendingMetadata& one : metadata) records.push_back(one.record);
  metadata_bytes.clear();
  tsdb::encode_metadata(records, metadata_bytes);
}

void ExtraBatch::encode_exemplars() {
  std::vector<ExemplarRecord> records;
  for (const PendingExemplar& one : exemplars) {
    records.push_back({one.wal_ref, one.exemplar.t, one.exemplar.v, one.exemplar.labels});
  }
  exemplar_bytes.clear();
  tsdb::encode_exemplars(records, exemplar_bytes);
}

}  // namespace narthex::tsdb
