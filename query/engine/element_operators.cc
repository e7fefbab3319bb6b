#include "query/engine/element_operators.h"

#include "query/engine/annotation_texts.h"
#include "query/engine/scalar_operators.h"
#include "query/histogram/arithmetic.h"
#include "query/histogram/trim.h"

namespace narthex::query {

namespace {

ElementResult refuse(BinaryNote why) {
  ElementResult result;
  result.failed = true;
  result.note = why;
  return result;
}

ElementResult of_histogram(FloatHistogram h) {
  ElementResult result;
  result.histogram = std::move(h);
  return result;
}

ElementResult scaled(FloatHistogram h, double factor) {
  multiply(h, factor);
  compact(h);
  return of_histogram(std::move(h));
}

ElementResult with_float(BinaryOp op, FloatHistogram h, double v) {
  switch (op) {
    case BinaryOp::mul:
      return scaled(std::move(h), v);
    case BinaryOp::div:
      divide(h, v);
      compact(h);
      return of_histogram(std::move(h));
    case BinaryOp::trim_upper:
      trim(h, v, Keep::below);
      return of_histogram(std::move(h));
    case BinaryOp::trim_lower:
      trim(h, v, Keep::above);
      return of_histogram(std::move(h));
    default:
      return refuse(BinaryNote::histogram_float);
  }
}

ElementResult combined(bool add_up, const FloatHistogram& lhs, const FloatHistogram& rhs) {
  FloatHistogram h = lhs;
  const auto done = add_up ? add(h, rhs) : subtract(h, rhs);
  if (!done) return refuse(BinaryNote::incompatible_buckets);
  if (done->reset_collision) return refuse(BinaryNote::reset_collision);
  if (!add_up) h.hint = CounterResetHint::gauge;
  compact(h);
  auto result = of_histogram(std::move(h));
  if (done->bounds_reconciled) result.note = BinaryNote::bounds_reconciled;
  return result;
}

ElementResult with_histogram(BinaryOp op, const FloatHistogram& lhs, const FloatHistogram& rhs) {
  ElementResult result;
  switch (op) {
    case BinaryOp::add:
    case BinaryOp::sub:
      return combined(op == BinaryOp::add, lhs, rhs);
    case BinaryOp::eq:
    case BinaryOp::ne:
      result.keep = same_value(lhs, rhs) == (op == BinaryOp::eq);
      return result;
    default:
      return refuse(BinaryNote::histogram_histogram);
  }
}

}  // namespace

ElementResult apply_elements(BinaryOp op, ElementValue lhs, ElementValue rhs) {
  if (lhs.histogram && rhs.histogram) return with_histogram(op, *lhs.histogram, *rhs.histogram);
  if (lhs.histogram) return with_float(op, *lhs.histogram, rhs.value);
  if (rhs.histogram)
    return op == BinaryOp::mul ? scaled(*rhs.histogram, lhs.value) : refuse(BinaryNote::float_histogram);
  if (op == BinaryOp::trim_upper || op == BinaryOp::trim_lower) return refuse(BinaryNote::float_float);
  ElementResult result;
  result.value = apply_scalar(op, lhs.value, rhs.value);
  result.keep = !is_comparison(op) || result.value != 0;
  return result;
}

void note(const Annotator& annotator, BinaryNote note, BinaryOp op, Span at) {
  const std::string_view text = text_of(op);
  const auto operation = op == BinaryOp::add ? texts::kAddition : texts::kSubtraction;
  switch (note) {
    case BinaryNote::none:
      return;
    case BinaryNote::float_float:
      return annotator.info(texts::incompatible_types("float", text, "float"), at);
    case BinaryNote::float_histogram:
      return annotator.info(texts::incompatible_types("float", text, "histogram"), at);
    case BinaryNote::histogram_float:
      return annotator.info(texts::incompatible_types("histogram", text, "float"), at);
    case BinaryNote::histogram_histogram:
      return annotator.info(texts::incompatible_types("histogram", text, "histogram"), at);
    case BinaryNote::incompatible_buckets:
      return annotator.warn(texts::incompatible_bucket_layout(text), at);
    case BinaryNote::reset_collision:
      return annotator.warn(texts::counter_reset_collision(operation), at);
    case BinaryNote::bounds_reconciled:
      return annotator.info(texts::mismatched_custom_buckets(operation), at);
  }
}

}  // namespace narthex::query
