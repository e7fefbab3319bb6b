// Metadata of a series, as exporters tell it in `# TYPE`, `# UNIT` and `# HELP`.
//
// Threads: values.
#pragma once

#include <string>

namespace narthex::storage {

struct Metadata {
  std::string type;  ///< counter, gauge, histogram, gaugehistogram, summary, info, stateset or unknown
  std::string unit;
  std::string help;
  bool operator==(const Metadata&) const = default;
};

}  // namespace narthex::storage
