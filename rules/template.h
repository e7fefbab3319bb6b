// Template: the texts of alert labels and annotations, in Go's template language.
//
// So far: text, comments, `{{- -}}` trimming, fields ($labels.x, .Labels.x, $value, .Value,
// $externalLabels.x, $externalURL), texts and numbers, parentheses, and pipelines of the
// functions humanize, humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp,
// title, toUpper, toLower and printf. What Go knows beyond that is refused by name when the
// template is parsed.
//
//   {{ $labels.job }} is at {{ $value | humanizePercentage }}
//
// Threads: any, after parsing.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/labels.h"
#include "model/result.h"

namespace narthex::rules {

/// What a template may speak of. Borrows; must live through expand().
struct TemplateData {
  const Labels& labels;
  const Labels& external_labels;
  std::string_view external_url;
  double value = 0;
  bool is_histogram = false;  ///< then `value` means nothing
};

class Template {
 public:
  /// Errors: invalid (`1:12: function "x" not defined`, line and column in the template).
  static Result<Template> parse(std::string_view text);

  /// Errors: execution: a function was given what it cannot work with.
  [[nodiscard]] Result<std::string> expand(const TemplateData& data) const;

 private:
  struct Program;
  explicit Template(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

}  // namespace narthex::rules
