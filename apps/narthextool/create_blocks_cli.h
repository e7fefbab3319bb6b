// The verbs below `narthextool tsdb create-blocks-from`: names, options and defaults are promtool's.
#pragma once

namespace CLI {
class App;
}

namespace narthex::apps {

/// Adds them to `tsdb`. @param exit_code  set when one has run; must outlive the parsing
void add_create_blocks_verbs(CLI::App& tsdb, int& exit_code);

}  // namespace narthex::apps
