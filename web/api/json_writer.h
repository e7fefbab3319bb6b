// JsonWriter under the name by which the endpoints know it.
#pragma once

#include "model/json_writer.h"

namespace narthex::web {

using narthex::JsonWriter;

}  // namespace narthex::web
