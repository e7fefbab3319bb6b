// HTTP messages as our client and server hand them on; no Beast types in sight.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace narthex::net {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// First value of a header, name compared without case; nothing if absent.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);

/// Percent-decoding; with `plus_is_space` as in forms and queries. Nothing on a bad escape.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);
/// Go's url.QueryEscape.
std::string query_escape(std::string_view text);

/// application/x-www-form-urlencoded, in order. Nothing on a bad escape.
std::optional<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view text);

/// gzip with the given level; for bodies. Throws nothing.
std::string gzip(std::string_view body);

}  // namespace narthex::net
