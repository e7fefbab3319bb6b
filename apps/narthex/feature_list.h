// What this server can do and has switched on, as /api/v1/features tells it.
//
// The names are Prometheus'; a thing of Prometheus that is not here is told as off.
// Threads: any.
// Source: Prometheus util/features/features.go and its callers
#pragma once

#include "apps/narthex/features.h"
#include "query/promql/language_features.h"

namespace narthex::apps {

/// Category, name, whether it is on.
query::LanguageFeatures list_features(const Flags& flags, const Features& features);

}  // namespace narthex::apps
