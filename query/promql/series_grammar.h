// Grammar of series descriptions: a metric and a sequence of values behind it.
//
// Threads: one at a time. The text must outlive the parser.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "model/histogram.h"
#include "query/promql/grammar.h"
#include "query/promql/series_description.h"

namespace narthex::query {

class SeriesGrammar : private Grammar {
 public:
  explicit SeriesGrammar(std::string_view text)
      : Grammar(text, ParserOptions(), Lexer::Language::series_description) {}

  /// Nothing if there are errors.
  std::optional<SeriesDescription> description();
  using Grammar::errors;

 private:
  struct Histogram {
    FloatHistogram value;
    bool hint_given = false;
    std::vector<TokenKind> keys;
    std::int32_t positive_offset = 0;
    std::int32_t negative_offset = 0;
  };

  bool item();
  bool gap();
  bool number_item();
  bool histogram_item();
  bool histogram_steps(const Histogram& base, double sign);
  std::optional<double> signed_or_unsigned_number();
  std::optional<double> plain_number();
  std::optional<std::uint64_t> repetitions();
  std::optional<std::int64_t> integer();
  std::optional<Histogram> histogram();
  bool histogram_entry(Histogram& h);
  bool histogram_value(TokenKind key, Histogram& h);
  bool number_into(double& target);
  bool buckets_into(std::vector<double>& target);
  bool offset_into(std::int32_t& target);
  bool hint_into(Histogram& h);
  bool room_for(std::uint64_t more);

  std::vector<SequenceValue> values_;
};

}  // namespace narthex::query
