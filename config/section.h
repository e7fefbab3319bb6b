// Section: typed reading of one mapping of a YAML tree, field by field.
//
// The constructor refuses fields that are unknown (with a guess at what was meant) or known
// but not supported yet. Getters leave the default alone where a field is absent, set the
// zero value where it is null (as Prometheus does), and report to Findings what does not fit.
// Reading goes on after a fault; the first one is what the user sees.
//
// Threads: one at a time. A Section borrows its node and Findings.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/yaml_tree.h"
#include "model/labels.h"
#include "model/result.h"
#include "model/time.h"

namespace narthex::config {

/// The first fault met while one file is read.
class Findings {
 public:
  explicit Findings(std::string file) : file_(std::move(file)) {}

  void report(Mark at, std::string_view text);
  [[nodiscard]] bool ok() const { return !error_; }
  /// Only if !ok().
  [[nodiscard]] const Error& error() const { return *error_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] SourcePos pos(Mark at) const { return {file_, at.line, at.column}; }

 private:
  std::string file_;
  std::optional<Error> error_;
};

/// Names of a section's fields. Those of `not_yet` are refused unless they are given without
/// content (null, "", false, [], {}).
struct FieldNames {
  std::span<const std::string_view> known;
  std::span<const std::string_view> not_yet;
};

class Section {
 public:
  /// @param node  a mapping or null; anything else is reported
  /// @param path  of the section, for messages: `scrape_configs[2].tls_config`; "" at the top
  Section(Findings& findings, const YamlNode& node, std::string path, FieldNames names);

  /// The field was written, be it as null.
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// The field was written and is not null.
  [[nodiscard]] bool given(std::string_view name) const;
  [[nodiscard]] const YamlNode* find(std::string_view name) const;
  /// Where the field's value stands, or the section if it is absent.
  [[nodiscard]] Mark at(std::string_view name) const;
  [[nodiscard]] Mark at() const { return node_.at; }
  [[nodiscard]] std::string path_of(std::string_view name) const;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Findings& findings() const { return findings_; }

  void text(std::string_view name, std::string& out) const;
  void boolean(std::string_view name, bool& out) const;
  void unsigned_number(std::string_view name, std::uint64_t& out) const;
  void signed_number(std::string_view name, std::int64_t& out) const;
  void number(std::string_view name, double& out) const;
  void duration(std::string_view name, DurationMs& out) const;
  /// With a unit, such as 15MB. May be negative: the caller decides.
  void byte_size(std::string_view name, std::int64_t& out) const;
  void texts(std::string_view name, std::vector<std::string>& out) const;
  /// Calls `each(item, path)` for every item of a sequence.
  void items(std::string_view name, const std::function<void(const YamlNode&, std::string)>& each) const;
  /// Calls `each(entry)` for every entry of a mapping.
  void entries(std::string_view name, const std::function<void(const YamlEntry&)>& each) const;
  /// A mapping of texts to texts, in the order written.
  void text_map(std::string_view name, std::vector<std::pair<std::string, std::string>>& out) const;

  /// Reports `PATH.NAME: reason` at the field, or at the section if the field is absent.
  void refuse(std::string_view name, std::string_view reason) const;
  /// Reports `PATH: reason` at the section.
  void refuse(std::string_view reason) const;
  /// Reports that the field's value is known but not supported yet.
  void not_supported(std::string_view name) const;

 private:
  void check_names(FieldNames names) const;
  void wrong_type(std::string_view name, const YamlNode& node, std::string_view expected) const;

  Findings& findings_;
  const YamlNode& node_;
  std::string path_;
};

/// The text of a scalar node; "" for null; nothing (and a report) for anything else.
std::optional<std::string> node_text(Findings& findings, const YamlNode& node, const std::string& path);

/// Labels of a mapping of texts; names must be valid (legacy charset if asked for), values UTF-8.
/// `pairs`, if given, receives also those with empty values.
Labels read_labels(const Section& section, std::string_view name, bool legacy_names,
                   std::vector<std::pair<std::string, std::string>>* pairs = nullptr);

/// The known name that `name` was probably meant to be, or "".
std::string_view closest_name(std::string_view name, std::span<const std::string_view> known);

}  // namespace narthex::config
