// The verbs below `narthextool tsdb`: names, options and defaults are promtool's.
#pragma once

namespace CLI {
class App;
}

namespace narthex::apps {

/// Adds them to `app`. @param exit_code  set when one has run; must outlive the parsing
void add_tsdb_verbs(CLI::App& app, int& exit_code);

}  // namespace narthex::apps
