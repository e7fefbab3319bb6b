#include "query/annotations.h"

#include <doctest/doctest.h>

using namespace narthex::query;

TEST_CASE("an annotation says its kind and where in the query it arose") {
  Annotations annotations;
  annotations.add(AnnotationKind::warning, "quantile value should be between 0 and 1, got 3",
                  "quantile(3, up)", {9, 10});
  annotations.add(AnnotationKind::info, "metric might not be a counter", "rate(\n  up[1m])", {8, 10});
  CHECK(annotations.texts(AnnotationKind::warning, 10) ==
        std::vector<std::string>{"PromQL warning: quantile value should be between 0 and 1, got 3 (1:10)"});
  CHECK(annotations.texts(AnnotationKind::info, 10) ==
        std::vector<std::string>{"PromQL info: metric might not be a counter (2:3)"});
}

TEST_CASE("equal annotations are kept once, also when merged") {
  Annotations a;
  a.add({AnnotationKind::warning, "x"});
  a.add({AnnotationKind::warning, "x"});
  Annotations b;
  b.add({AnnotationKind::warning, "x"});
  b.add({AnnotationKind::info, "x"});
  a.merge(b);
  CHECK(a.all().size() == 2);
}

TEST_CASE("annotations beyond the limit are counted, not shown") {
  Annotations annotations;
  for (const char* text : {"a", "b", "c"}) annotations.add({AnnotationKind::info, text});
  CHECK(annotations.texts(AnnotationKind::info, 1) ==
        std::vector<std::string>{"a", "2 more info annotations omitted"});
  CHECK(annotations.texts(AnnotationKind::info, 0).size() == 3);
  CHECK(annotations.texts(AnnotationKind::warning, 1).empty());
}
