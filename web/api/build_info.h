// What we say of ourselves. Grafana and Thanos pick features by `version`, so it is the
// version of Prometheus whose behaviour is promised; the rest tells who really answers.
#pragma once

#include <string_view>

namespace narthex::web {

inline constexpr std::string_view kVersion = "3.14.0";
inline constexpr std::string_view kRevision = "narthex-0.1.0";
inline constexpr std::string_view kBranch = "narthex";
inline constexpr std::string_view kGoVersion = "C++23";

}  // namespace narthex::web
