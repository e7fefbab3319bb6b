// What ties rules to the engine; apart from the rest, which any evaluator serves.
#include <utility>

#include "query/engine/engine.h"
#include "rules/manager.h"

namespace narthex::rules {

QueryFunction engine_query(query::Engine& engine, storage::Queryable& store) {
  return [&engine, &store](const RuleQuery& query, const sync::StopToken& stop) {
    query::QueryRequest request;
    request.query = query.expr;
    request.start = query.at;
    request.end = query.at;
    request.origin.kind = query::QueryOrigin::Kind::rule;
    request.origin.file = query.file;
    request.origin.group = query.group;
    return engine.run(store, request, stop);
  };
}

RuleManager::RuleManager(boost::asio::any_io_executor executor, sync::ThreadPool& pool, query::Engine& engine,
                         storage::Queryable& queryable, storage::Appendable& store, io::FileSystem& fs,
                         const Clock& clock, RuleOptions options, prometheus::Registry* registry)
    : RuleManager(std::move(executor), pool, engine_query(engine, queryable), engine.options().parser, store,
                  fs, clock, std::move(options), registry) {}

}  // namespace narthex::rules
