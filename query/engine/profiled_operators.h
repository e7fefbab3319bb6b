// Observers around operators, for a profile: they count and time what goes through them.
//
// Threads: one at a time.
#pragma once

#include "query/engine/operator.h"
#include "query/engine/profile.h"

namespace narthex::query {

/// The nodes must outlive the operators.
VectorOperatorPtr observe(VectorOperatorPtr op, ProfileNode& node, const EvalContext& context);
ScalarOperatorPtr observe(ScalarOperatorPtr op, ProfileNode& node, const EvalContext& context);
RangeSourcePtr observe(RangeSourcePtr source, ProfileNode& node, const EvalContext& context);

/// A node that is open while the operators of one expression are made. Of a query that is not
/// profiled it is nothing.
class ProfileScope {
 public:
  ProfileScope(const Expr& e, const EvalContext& context, bool step_invariant) : context_(context) {
    QueryProfile* profile = context.query.profile;
    if (!profile) return;
    // Parentheses are no operators.
    if (!e.as<Paren>())
      node_ = &profile->enter(e, step_invariant);
    else if (step_invariant)
      profile->next_is_step_invariant();
  }
  ~ProfileScope() {
    if (node_) context_.query.profile->leave();
  }
  ProfileScope(const ProfileScope&) = delete;
  ProfileScope& operator=(const ProfileScope&) = delete;

  /// It was evaluated where the same text stands first.
  void mark_repeated() const {
    if (node_) node_->repeated = true;
  }

  template <class OperatorPtr>
  Result<OperatorPtr> observed(Result<OperatorPtr> made) const {
    if (!node_ || !made) return made;
    return observe(std::move(*made), *node_, context_);
  }

 private:
  const EvalContext& context_;
  ProfileNode* node_ = nullptr;
};

}  // namespace narthex::query
