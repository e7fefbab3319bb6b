// Facts about this process and machine that flags, metrics and the API ask for.
#pragma once

#include <string>

namespace narthex::apps {

std::string host_name();
std::string working_directory();

}  // namespace narthex::apps
