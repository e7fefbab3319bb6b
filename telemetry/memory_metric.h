// narthex_memory_bytes: one metric to which every part that holds much memory adds a series of its own.
#pragma once

namespace narthex::telemetry {

inline constexpr const char* kMemoryMetric = "narthex_memory_bytes";
inline constexpr const char* kMemoryHelp = "Memory that is held, by part.";

}  // namespace narthex::telemetry
