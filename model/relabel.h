// Relabeling: Prometheus' rules that rewrite or drop a label set, all actions.
//
// Threads: any, after construction.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/labels.h"
#include "model/regex.h"

namespace narthex {

enum class RelabelAction : std::uint8_t {
  replace,
  keep,
  drop,
  keepequal,
  dropequal,
  hashmod,
  labelmap,
  labeldrop,
  labelkeep,
  lowercase,
  uppercase,
};

struct RelabelRule {
  std::vector<std::string> source_labels;
  std::string separator = ";";
  Regex regex;
  std::string target_label;
  std::string replacement = "$1";
  std::uint64_t modulus = 0;
  RelabelAction action = RelabelAction::replace;
  /// Names must be of the legacy charset (metric_name_validation_scheme: legacy).
  bool legacy_names = false;
  bool operator==(const RelabelRule&) const = default;
};

/// Applies `rules` in order. @return false if the label set is dropped (then `labels` is unspecified).
/// Source: Prometheus model/relabel/relabel.go
bool relabel(LabelsBuilder& labels, std::span<const RelabelRule> rules);

}  // namespace narthex
