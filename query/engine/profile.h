// QueryProfile: the operators a query was made into, as a tree, and what each cost.
//
// Made only where it is asked for: the builder then puts an observer around every operator.
// Numbers of a node include those of the nodes below it.
//
// Threads: one at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/clock.h"
#include "query/engine/memory_budget.h"
#include "query/engine/request.h"
#include "query/promql/ast.h"

namespace narthex::query {

/// `operation` is one of selector, range_selector, subquery, aggregation, binary, function, unary,
/// number; `detail` says which: `sum by (job)`, `rate`, `* on (pod) group_left`.
struct ProfileNode {
  std::string operation;
  std::string detail;
  Span span;
  bool step_invariant = false;  ///< evaluated once for all steps
  bool repeated = false;        ///< evaluated where the same text stands before
  std::uint64_t series = 0;     ///< put out, those without a sample included
  std::uint64_t samples = 0;    ///< put out
  std::uint64_t bytes = 0;      ///< most that was held here and below at one time
  std::chrono::nanoseconds time{0};
  std::vector<ProfileNode*> children;
};

class QueryProfile {
 public:
  explicit QueryProfile(ProfileLevel level) : level_(level) {}
  QueryProfile(const QueryProfile&) = delete;
  QueryProfile& operator=(const QueryProfile&) = delete;

  /// The next node is evaluated once for all steps: said of parentheses, which are no node.
  void next_is_step_invariant() { next_is_step_invariant_ = true; }
  /// A node below the one that is open; stays valid with the profile.
  ProfileNode& enter(const Expr& e, bool step_invariant);
  void leave() { open_.pop_back(); }
  [[nodiscard]] const ProfileNode* root() const { return nodes_.empty() ? nullptr : &nodes_.front(); }
  [[nodiscard]] ProfileLevel level() const { return level_; }

 private:
  ProfileLevel level_;
  bool next_is_step_invariant_ = false;
  std::deque<ProfileNode> nodes_;
  std::vector<ProfileNode*> open_;
};

/// As JSON. @param query  the text the spans are of
std::string profile_json(const QueryProfile& profile, std::string_view query);

/// What one call of an operator takes, added to its node.
class NodeTimer {
 public:
  /// @param held  bytes the node holds so far; kept by the caller between calls
  NodeTimer(ProfileNode& node, const Clock& clock, const QueryBudget& budget, std::int64_t& held)
      : node_(node),
        clock_(clock),
        budget_(budget),
        held_(held),
        start_(clock.steady()),
        bytes_(budget.bytes()) {}
  ~NodeTimer();
  NodeTimer(const NodeTimer&) = delete;
  NodeTimer& operator=(const NodeTimer&) = delete;

 private:
  ProfileNode& node_;
  const Clock& clock_;
  const QueryBudget& budget_;
  std::int64_t& held_;
  std::chrono::nanoseconds start_;
  std::uint64_t bytes_;
};

}  // namespace narthex::query
