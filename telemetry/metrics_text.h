// Our own metrics as text: prometheus-cpp counts, this prints (its serializer loses digits
// and does not escape HELP).
//
// Components register straight with prometheus-cpp (`prometheus::BuildCounter().Name(...)`)
// in the one Registry that apps/narthex owns and hands down.
// Threads: any.
#pragma once

#include <string>

namespace prometheus {
class Registry;
}

namespace narthex::telemetry {

/// Prometheus text format 0.0.4, families sorted by name, series by labels.
std::string metrics_text(const prometheus::Registry& registry);

}  // namespace narthex::telemetry
