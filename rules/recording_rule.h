// RecordingRule: writes the result of an expression under a new name.
//
// Threads: any; never changes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/config.h"
#include "model/result.h"
#include "rules/query.h"

namespace narthex::rules {

class RecordingRule {
 public:
  /// @param query  the expression as the printer writes it
  /// @param labels  of rule and group together; an empty value takes the label away
  RecordingRule(std::string name, std::string query, config::RuleTexts labels)
      : name_(std::move(name)), query_(std::move(query)), labels_(std::move(labels)) {}

  /// The result under the rule's name and labels, all at time `t`.
  /// @param limit  most series; 0 = none
  /// Errors: execution (two results become the same series, a native histogram), limit.
  [[nodiscard]] Result<std::vector<OutputSample>> outputs(std::vector<VectorSample> result, Timestamp t,
                                                          std::uint64_t limit) const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& query() const { return query_; }
  [[nodiscard]] const config::RuleTexts& labels() const { return labels_; }
  bool operator==(const RecordingRule&) const = default;

 private:
  std::string name_;
  std::string query_;
  config::RuleTexts labels_;
};

}  // namespace narthex::rules
