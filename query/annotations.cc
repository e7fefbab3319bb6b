#include "query/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "query/promql/parser.h"

namespace narthex::query {

void Annotations::add(AnnotationKind kind, std::string text, std::string_view query, Span at) {
  const std::string_view prefix = kind == AnnotationKind::warning ? "PromQL warning: " : "PromQL info: ";
  add({kind, fmt::format("{}{} ({})", prefix, text, position_text(query, at.start))});
}

void Annotations::add(Annotation a) {
  if (std::ranges::find(all_, a) == all_.end()) all_.push_back(std::move(a));
}

void Annotations::merge(const Annotations& other) {
  for (const Annotation& a : other.all_) add(a);
}

std::vector<std::string> Annotations::texts(AnnotationKind kind, std::size_t limit) const {
  std::vector<std::string> texts;
  std::size_t omitted = 0;
  for (const Annotation& a : all_) {
    if (a.kind != kind) continue;
    if (limit == 0 || texts.size() < limit) {
      texts.push_back(a.text);
    } else {
      ++omitted;
    }
  }
  if (omitted > 0)
    texts.push_back(fmt::format("{} more {} annotations omitted", omitted,
                                kind == AnnotationKind::warning ? "warning" : "info"));
  return texts;
}

}  // namespace narthex::query
