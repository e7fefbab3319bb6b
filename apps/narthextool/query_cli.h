// The command line of `narthextool query` and `narthextool promql`.
//
// Threads: main only.
#pragma once

namespace CLI {
class App;
}

namespace narthex::apps {

/// @param exit_code  set when a verb has run
void add_query_verbs(CLI::App& app, int& exit_code);
void add_promql_verbs(CLI::App& app, int& exit_code);

}  // namespace narthex::apps
