#include "model/relabel.h"

#include <openssl/evp.h>

#include <array>

#include "model/check.h"
#include "model/unicode.h"

namespace narthex {

namespace {

std::string join_sources(const LabelsBuilder& labels, const RelabelRule& rule) {
  std::string joined;
  for (std::size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) joined += rule.separator;
    joined += labels.get(rule.source_labels[i]);
  }
  return joined;
}

/// The last 8 bytes of the MD5, big-endian: shards must not move between servers.
std::uint64_t hash_for_modulus(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const int ok = EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_md5(), nullptr);
  check(ok == 1 && size == 16, "OpenSSL offers MD5");
  std::uint64_t hash = 0;
  for (std::size_t i = 8; i < 16; ++i) hash = hash << 8U | digest[i];
  return hash;
}

bool is_valid_target(const RelabelRule& rule, std::string_view name) {
  return rule.legacy_names ? is_legacy_label_name(name) : is_utf8_name(name);
}

void replace(LabelsBuilder& labels, const RelabelRule& rule, std::string_view source) {
  const auto target = rule.regex.expand(source, rule.target_label);
  if (!target || !is_valid_target(rule, *target)) return;
  // An empty result removes the label.
  if (const auto value = rule.regex.expand(source, rule.replacement)) labels.set(*target, *value);
}

void map_labels(LabelsBuilder& labels, const RelabelRule& rule) {
  // Over a copy: names made here are not mapped again.
  const auto before = labels.pairs();
  for (const auto& [name, value] : before)
    if (const auto target = rule.regex.expand(name, rule.replacement)) labels.set(*target, value);
}

void remove_labels(LabelsBuilder& labels, const RelabelRule& rule, bool matching) {
  const auto before = labels.pairs();
  for (const auto& [name, value] : before)
    if (rule.regex.matches(name) == matching) labels.remove(name);
}

bool apply(LabelsBuilder& labels, const RelabelRule& rule) {
  const std::string source = join_sources(labels, rule);
  switch (rule.action) {
    case RelabelAction::replace:
      replace(labels, rule, source);
      return true;
    case RelabelAction::keep:
      return rule.regex.matches(source);
    case RelabelAction::drop:
      return !rule.regex.matches(source);
    case RelabelAction::keepequal:
      return labels.get(rule.target_label) == source;
    case RelabelAction::dropequal:
      return labels.get(rule.target_label) != source;
    case RelabelAction::hashmod:
      check(rule.modulus != 0, "a hashmod rule without modulus is refused by the configuration");
      labels.set(rule.target_label, std::to_string(hash_for_modulus(source) % rule.modulus));
      return true;
    case RelabelAction::labelmap:
      map_labels(labels, rule);
      return true;
    case RelabelAction::labeldrop:
      remove_labels(labels, rule, true);
      return true;
    case RelabelAction::labelkeep:
      remove_labels(labels, rule, false);
      return true;
    case RelabelAction::lowercase:
      labels.set(rule.target_label, to_lower(source));
      return true;
    case RelabelAction::uppercase:
      labels.set(rule.target_label, to_upper(source));
      return true;
  }
  return true;
}

}  // namespace

bool relabel(LabelsBuilder& labels, std::span<const RelabelRule> rules) {
  for (const RelabelRule& rule : rules)
    if (!apply(labels, rule)) return false;
  return true;
}

}  // namespace narthex
