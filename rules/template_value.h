// Values and functions of templates. Internal to rules/.
//
// Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "model/labels.h"
#include "model/result.h"

namespace narthex::rules {

/// A native histogram: nothing can be done with it yet.
struct HistogramValue {};

/// A map of labels is borrowed from the data.
using TemplateValue = std::variant<std::string, double, std::int64_t, bool, const Labels*, HistogramValue>;

/// Go's fmt.Sprint of the value. Errors: execution (histogram).
Result<std::string> value_text(const TemplateValue& value);

struct TemplateFunction {
  std::string_view name;
  std::size_t least_arguments;
  std::size_t most_arguments;
  Result<TemplateValue> (*call)(std::span<const TemplateValue> arguments);
};

/// The function of that name, or null.
const TemplateFunction* find_template_function(std::string_view name);
/// True for names that Go or Prometheus define and Narthex does not support yet.
bool is_unsupported_template_word(std::string_view name);

/// Go's fmt.Sprintf with the verbs v d s q t f F e E g G x %, width, precision and flags.
Result<TemplateValue> template_printf(std::span<const TemplateValue> arguments);

}  // namespace narthex::rules
