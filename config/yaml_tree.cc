#include "config/yaml_tree.h"

#include <fmt/format.h>
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <array>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "model/labels.h"

namespace narthex::config {

namespace {

constexpr std::string_view kTagPrefix = "tag:yaml.org,2002:";
constexpr std::string_view kBinaryTag = "!!binary";
constexpr std::string_view kMergeKey = "<<";

/// What ends a parse from inside yaml-cpp's callbacks; caught in parse_yaml.
struct Refused {
  Error error;
};

Mark mark_of(const YAML::Mark& m) {
  if (m.is_null()) return {1, 1};
  return {static_cast<std::uint32_t>(m.line) + 1, static_cast<std::uint32_t>(m.column) + 1};
}

std::optional<std::string> decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t digits = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    std::uint32_t value = 0;
    if (c == '\n' || c == '\r') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    if (padding > 0) return std::nullopt;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<std::uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<std::uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<std::uint32_t>(c - '0') + 52;
    } else if (c == '+') {
      value = 62;
    } else if (c == '/') {
      value = 63;
    } else {
      return std::nullopt;
    }
    ++digits;
    bits = (bits << 6) | value;
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>((bits >> held) & 0xFFU));
    }
  }
  if (padding > 2 || (digits + padding) % 4 != 0) return std::nullopt;
  return out;
}

/// How much an alias would copy.
struct Size {
  std::size_t nodes = 0;
  std::size_t bytes = 0;
};

Size size_of(const YamlNode& node) {
  Size size{1, node.text.size()};
  const auto add = [&size](const YamlNode& child) {
    const Size s = size_of(child);
    size.nodes += s.nodes;
    size.bytes += s.bytes;
  };
  for (const YamlNode& item : node.items) add(item);
  for (const YamlEntry& entry : node.entries) {
    size.bytes += entry.key.size();
    add(entry.value);
  }
  return size;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& file, const YamlLimits& limits) : file_(file), limits_(limits) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    YamlNode node;
    node.at = mark_of(mark);
    node.plain = true;
    place(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Mark at = mark_of(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      refuse(Code::invalid, at, "not valid YAML: an anchor may not contain itself");
    const auto& [node, size] = found->second;
    alias_nodes_ += size.nodes;
    alias_bytes_ += size.bytes;
    if (alias_nodes_ > limits_.alias_nodes || alias_bytes_ > limits_.alias_bytes) {
      refuse(Code::limit, at,
             fmt::format("aliases expand to more than {} nodes or {} bytes: write out less by alias",
                         limits_.alias_nodes, limits_.alias_bytes));
    }
    YamlNode copy = node;
    copy.at = at;
    place(std::move(copy), YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    YamlNode node;
    node.kind = NodeKind::scalar;
    node.at = mark_of(mark);
    node.plain = tag == "?";
    node.text = value;
    if (tag != "?" && tag != "!") node.tag = short_tag(tag);
    if (node.tag == kBinaryTag) {
      auto bytes = decode_base64(value);
      if (!bytes) refuse(Code::invalid, node.at, "!!binary value contains invalid base64 data");
      node.text = *std::move(bytes);
    }
    place(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(NodeKind::sequence, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(NodeKind::mapping, mark, anchor);
  }
  void OnMapEnd() override {
    merge(stack_.back().node, stack_.back().merges);
    close();
  }

 private:
  struct Frame {
    YamlNode node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    std::optional<std::pair<std::string, Mark>> key;  ///< mapping: read, its value is still to come
    bool key_is_merge = false;
    std::vector<YamlNode> merges;                ///< values of `<<`
    std::unordered_map<std::string, Mark> keys;  ///< mapping: where each key was written
  };

  [[noreturn]] void refuse(Code code, Mark at, std::string_view text) const {
    throw Refused{error_at(code, file_, at, text)};
  }

  static std::string short_tag(const std::string& tag) {
    if (tag.starts_with(kTagPrefix)) return "!!" + tag.substr(kTagPrefix.size());
    return tag;
  }

  void open(NodeKind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    Frame frame;
    frame.node.kind = kind;
    frame.node.at = mark_of(mark);
    frame.anchor = anchor;
    if (!stack_.empty() && stack_.back().node.kind == NodeKind::mapping && !stack_.back().key)
      refuse(Code::invalid, frame.node.at, "a mapping's key must be a text");
    stack_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    place(std::move(frame.node), frame.anchor);
  }

  void place(YamlNode node, YAML::anchor_t anchor) {
    if (anchor != YAML::NullAnchor) anchors_.insert_or_assign(anchor, std::pair(node, size_of(node)));
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = stack_.back();
    if (parent.node.kind == NodeKind::sequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.key) {
      take_key(parent, node);
    } else if (parent.key_is_merge) {
      parent.merges.push_back(std::move(node));
      parent.key.reset();
    } else {
      parent.node.entries.push_back({std::move(parent.key->first), parent.key->second, std::move(node)});
      parent.key.reset();
    }
  }

  void take_key(Frame& parent, YamlNode& key) const {
    if (key.kind != NodeKind::scalar) refuse(Code::invalid, key.at, "a mapping's key must be a text");
    parent.key_is_merge = key.plain && key.text == kMergeKey;
    if (!parent.key_is_merge) {
      const auto [known, is_new] = parent.keys.emplace(key.text, key.at);
      if (!is_new) {
        refuse(Code::invalid, key.at,
               fmt::format("field {} already set in line {}", key.text, known->second.line));
      }
    }
    parent.key.emplace(std::move(key.text), key.at);
  }

  /// What is written in a mapping wins over what is merged into it, earlier merges over later.
  void merge(YamlNode& into, std::vector<YamlNode>& sources) {
    auto& keys = stack_.back().keys;
    const auto take = [&](YamlNode& source) {
      if (source.kind != NodeKind::mapping)
        refuse(Code::invalid, source.at, "<< must be given a mapping or a sequence of mappings");
      for (YamlEntry& entry : source.entries)
        if (keys.emplace(entry.key, entry.key_at).second) into.entries.push_back(std::move(entry));
    };
    for (YamlNode& source : sources) {
      if (source.kind != NodeKind::sequence) {
        take(source);
        continue;
      }
      for (YamlNode& item : source.items) take(item);
    }
  }

  const std::string& file_;
  const YamlLimits& limits_;
  YamlNode root_;
  std::vector<Frame> stack_;
  std::map<YAML::anchor_t, std::pair<YamlNode, Size>> anchors_;
  std::size_t alias_nodes_ = 0;
  std::size_t alias_bytes_ = 0;
};

Mark mark_at(std::string_view text, std::size_t offset) {
  Mark at{1, 1};
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++at.line;
      at.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      ++at.column;
    }
  }
  return at;
}

/// The bytes YAML allows: UTF-8 without control characters.
std::optional<Error> check_text(std::string_view text, const std::string& file, const YamlLimits& limits) {
  if (text.size() > limits.text_bytes) {
    return error_at(
        Code::limit, file, {1, 1},
        fmt::format("the file has {} bytes, more than the {} allowed", text.size(), limits.text_bytes));
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) {
      return error_at(Code::invalid, file, mark_at(text, i),
                      "not valid YAML: control characters are not allowed");
    }
  }
  if (is_valid_utf8(text)) return std::nullopt;
  std::size_t line_start = 0;
  std::uint32_t line = 1;
  while (line_start < text.size()) {
    const std::size_t end = std::min(text.find('\n', line_start), text.size());
    if (!is_valid_utf8(text.substr(line_start, end - line_start))) break;
    line_start = end + 1;
    ++line;
  }
  return error_at(Code::invalid, file, {line, 1}, "not valid YAML: the line is not valid UTF-8");
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

Error error_at(Code code, const std::string& file, Mark at, std::string_view text) {
  return Error{code, fmt::format("{}:{}:{}: {}", file, at.line, at.column, text),
               SourcePos{file, at.line, at.column}};
}

Result<YamlDocument> parse_yaml(std::string_view text, const std::string& file, const YamlLimits& limits) {
  if (auto bad = check_text(text, file, limits)) return std::unexpected(*std::move(bad));
  TreeBuilder builder(file, limits);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    YamlDocument document;
    if (parser.HandleNextDocument(builder)) document.root = builder.take();
    document.more_documents = static_cast<bool>(parser);
    return document;
  } catch (const Refused& refused) {
    return std::unexpected(refused.error);
  } catch (const YAML::Exception& e) {
    return std::unexpected(error_at(Code::invalid, file, mark_of(e.mark), "not valid YAML: " + e.msg));
  } catch (const std::exception& e) {
    return std::unexpected(
        error_at(Code::invalid, file, {1, 1}, fmt::format("not valid YAML: {}", e.what())));
  }
}

}  // namespace narthex::config
