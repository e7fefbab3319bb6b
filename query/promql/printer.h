// Printer: syntax trees as text, in Prometheus' form.
//
// Threads: one at a time.
// Source: Prometheus promql/parser/printer.go
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "query/promql/ast.h"

namespace narthex::query {

class Printer {
 public:
  /// Appends to text().
  void print(const Expr& e);
  /// `sum by (job) `, which arguments follow.
  void print_head(const Aggregate& n);
  /// ` bool on (job) group_left ()`: what stands behind the operator's own text.
  void print_modifiers(const Binary& n);
  /// `[5m:1m] @ end() offset 1m`.
  void print_suffix(const Subquery& n);

  [[nodiscard]] std::string& text() { return text_; }
  /// Bytes of each expression printed so far.
  [[nodiscard]] const std::unordered_map<const Expr*, std::size_t>& lengths() const { return lengths_; }
  void keep_lengths() { keep_lengths_ = true; }

 private:
  void print(const NumberLiteral& n);
  void print(const StringLiteral& n);
  void print(const VectorSelector& n);
  void print(const MatrixSelector& n);
  void print(const Subquery& n);
  void print(const Aggregate& n);
  void print(const Call& n);
  void print(const Binary& n);
  void print(const Unary& n);
  void print(const Paren& n);
  void print(const DurationExpr& e);
  void print(const Duration& d);
  void print_number(double value, bool as_duration);
  void print_name_and_matchers(const VectorSelector& n);
  void print_extension(const VectorSelector& n);
  void print_at(const AtModifier& at);
  void print_offset(const Duration& offset);
  void print_labels(const std::vector<std::string>& labels);

  std::string text_;
  bool keep_lengths_ = false;
  std::unordered_map<const Expr*, std::size_t> lengths_;
};

}  // namespace narthex::query
