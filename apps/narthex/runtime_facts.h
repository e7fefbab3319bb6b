// Facts about this process and machine that flags, metrics and the API ask for.
#pragma once

#include <cstdint>
#include <string>

namespace narthex::apps {

std::string host_name();
std::string working_directory();
/// Bytes that this process may use: what its control group allows, else what the machine has; 0 if
/// neither is known.
std::uint64_t memory_limit();

}  // namespace narthex::apps
