#include "tsdb/compact/upload_list.h"

#include <algorithm>
#include <boost/json.hpp>

#include "telemetry/log.h"

namespace narthex::tsdb {
namespace {

/// 30 bytes a block.
constexpr std::uint64_t kMostBytes = 64 << 20;

}  // namespace

std::vector<BlockMeta> UploadList::compactable(std::vector<BlockMeta> blocks) const {
  if (path_.empty()) return blocks;
  const auto uploaded = read();
  if (!uploaded) {
    telemetry::warn("The list of uploaded blocks cannot be read; compaction does not wait for uploads",
                    {{"path", path_}, {"error", uploaded.error().text}});
    return blocks;
  }
  std::ranges::sort(blocks, {}, &BlockMeta::ulid);
  const auto waits = std::ranges::find_if(blocks, [&](const BlockMeta& block) {
    return block.level <= 1 && std::ranges::find(*uploaded, block.ulid) == uploaded->end();
  });
  blocks.erase(waits, blocks.end());
  return blocks;
}

Result<std::vector<std::string>> UploadList::read() const {
  auto bytes = fs_.file_size(path_);
  if (!bytes) return pass(bytes);
  if (*bytes > kMostBytes) return fail(Code::invalid, path_ + ": longer than 64 MiB");
  auto text = fs_.read_file(path_);
  if (!text) return pass(text);
  boost::system::error_code error;
  const boost::json::value root = boost::json::parse(*text, error);
  if (error) return fail(Code::invalid, path_ + ": " + error.message());
  std::vector<std::string> uploaded;
  const auto* members = root.if_object();
  const auto* list = members == nullptr ? nullptr : members->if_contains("uploaded");
  if (members == nullptr) return fail(Code::invalid, path_ + ": no JSON object");
  if (list == nullptr || list->is_null()) return uploaded;
  if (!list->is_array()) return fail(Code::invalid, path_ + ": \"uploaded\" is no list");
  for (const boost::json::value& ulid : list->get_array()) {
    if (!ulid.is_string())
      return fail(Code::invalid, path_ + ": \"uploaded\" holds something that is no text");
    uploaded.emplace_back(ulid.get_string());
  }
  return uploaded;
}

}  // namespace narthex::tsdb
