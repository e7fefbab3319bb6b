// Annotations: warnings and infos that come with a result but do not fail the query.
//
// Each text is kept once; the API shows at most ten of a kind.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "query/promql/ast.h"

namespace narthex::query {

enum class AnnotationKind : std::uint8_t { warning, info };

struct Annotation {
  AnnotationKind kind;
  /// With prefix and position, as the API shows it:
  /// `PromQL warning: quantile value should be between 0 and 1, got 3 (1:10)`.
  std::string text;
  bool operator==(const Annotation&) const = default;
};

class Annotations {
 public:
  /// `text` without prefix; the position is appended when the query text is known.
  void add(AnnotationKind kind, std::string text, std::string_view query, Span at);
  void add(Annotation a);
  void merge(const Annotations& other);
  [[nodiscard]] const std::vector<Annotation>& all() const { return all_; }
  /// At most `limit` (0 = all) of one kind, then `N more warning annotations omitted` (N more info ...).
  [[nodiscard]] std::vector<std::string> texts(AnnotationKind kind, std::size_t limit) const;
  [[nodiscard]] bool empty() const { return all_.empty(); }

 private:
  std::vector<Annotation> all_;
};

}  // namespace narthex::query
