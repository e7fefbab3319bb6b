// ModelScriptStore: a script's store on top of ModelStore, which keeps all that scripts can
// say: histograms and start timestamps too.
//
// Threads: one at a time.
#pragma once

#include <map>
#include <memory>
#include <span>

#include "query/histogram/reset.h"
#include "query/promqltest/store.h"
#include "tests/query/model_store.h"

namespace narthex::tests {

class ModelScriptStore final : public query::ScriptStore {
 public:
  storage::Queryable& queryable() override { return store_; }
  Result<void> load(std::span<const query::LoadedSeries> series) override {
    for (const query::LoadedSeries& one : series)
      for (const query::LoadedSample& sample : one.samples) {
        if (sample.histogram) {
          store_.add(one.labels, sample.t, chunks_[one.labels].append(*sample.histogram), sample.st);
        } else {
          chunks_[one.labels] = {};
          store_.add(one.labels, sample.t, sample.v, sample.st);
        }
      }
    return {};
  }

 private:
  /// Gives histograms the hints that Prometheus' chunks give: unknown for the first of a chunk,
  /// afterwards not reset; a gauge stays one. A reset, another layout or another kind begins a
  /// chunk. (Chunks that are cut because they are full are left out.)
  class Chunk {
   public:
    FloatHistogram append(FloatHistogram h) {
      const bool is_gauge = h.hint == CounterResetHint::gauge;
      const bool goes_on = has_last_ && is_gauge == is_gauge_ && h.schema == last_.schema &&
                           h.zero_threshold == last_.zero_threshold &&
                           h.custom_values == last_.custom_values && (is_gauge || !began_anew(h));
      last_ = h;
      has_last_ = true;
      is_gauge_ = is_gauge;
      if (!is_gauge) h.hint = goes_on ? CounterResetHint::not_reset : CounterResetHint::unknown;
      return h;
    }

   private:
    [[nodiscard]] bool began_anew(FloatHistogram h) const {
      if (h.hint == CounterResetHint::reset) return true;
      h.hint = CounterResetHint::unknown;  // the appender looks for itself
      return query::was_reset(h, last_);
    }

    FloatHistogram last_;
    bool has_last_ = false;
    bool is_gauge_ = false;
  };

  ModelStore store_;
  std::map<Labels, Chunk> chunks_;  ///< the newest of each series
};

inline Result<std::unique_ptr<query::ScriptStore>> make_model_script_store() {
  return std::unique_ptr<query::ScriptStore>(std::make_unique<ModelScriptStore>());
}

}  // namespace narthex::tests
