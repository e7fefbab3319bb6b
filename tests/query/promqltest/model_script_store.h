// ModelScriptStore: a script's store on top of ModelStore, which keeps all that scripts can
// say: histograms and start timestamps too.
//
// Threads: one at a time.
#pragma once

#include <memory>
#include <span>

#include "query/promqltest/store.h"
#include "tests/query/model_store.h"

namespace narthex::tests {

class ModelScriptStore final : public query::ScriptStore {
 public:
  storage::Queryable& queryable() override { return store_; }
  Result<query::LeftOut> load(std::span<const query::LoadedSeries> series) override {
    for (const query::LoadedSeries& one : series)
      for (const query::LoadedSample& sample : one.samples) {
        if (sample.histogram) {
          store_.add(one.labels, sample.t, *sample.histogram, sample.st);
        } else {
          store_.add(one.labels, sample.t, sample.v, sample.st);
        }
      }
    return query::LeftOut();
  }

 private:
  ModelStore store_;
};

inline Result<std::unique_ptr<query::ScriptStore>> make_model_script_store() {
  return std::unique_ptr<query::ScriptStore>(std::make_unique<ModelScriptStore>());
}

}  // namespace narthex::tests
