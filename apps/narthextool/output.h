// Where a verb of narthextool writes what it was asked for.
#pragma once

#include <functional>
#include <string_view>

namespace narthex::apps {

/// Receives text for standard output, in pieces.
using Print = std::function<void(std::string_view)>;

}  // namespace narthex::apps
