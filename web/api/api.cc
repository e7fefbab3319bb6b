#include "web/api/api.h"

#include <algorithm>
#include <array>

#include "web/api/endpoints.h"
#include "web/api/json_writer.h"

namespace narthex::web {

namespace {

struct Route {
  std::string_view path;  ///< a `*` stands for one path element
  std::string_view methods;
  Endpoint endpoint;
  SmallEndpoint small = nullptr;  ///< null: it is always for a pool thread
};

constexpr std::array kRoutes = {
    Route{"/query", "GET, POST", instant_query, small_instant_query},
    Route{"/query_range", "GET, POST", range_query, small_range_query},
    Route{"/query_exemplars", "GET, POST", query_exemplars},
    Route{"/format_query", "GET, POST", format_query},
    Route{"/parse_query", "GET, POST", parse_query},
    Route{"/series", "GET, POST", series},
    Route{"/labels", "GET, POST", label_names},
    Route{"/label/*/values", "GET", label_values},
    Route{"/targets", "GET", targets},
    Route{"/targets/metadata", "GET", targets_metadata},
    Route{"/scrape_pools", "GET", scrape_pools},
    Route{"/metadata", "GET", metadata},
    Route{"/rules", "GET", rule_groups},
    Route{"/alerts", "GET", alerts},
    Route{"/alertmanagers", "GET", alertmanagers},
    Route{"/features", "GET", features},
    Route{"/status/config", "GET", status_config},
    Route{"/status/flags", "GET", status_flags},
    Route{"/status/buildinfo", "GET", status_build_info},
    Route{"/status/runtimeinfo", "GET", status_runtime_info},
    Route{"/status/queries", "GET", status_queries},
    Route{"/status/queries/*/cancel", "POST", cancel_query},
    Route{"/status/tsdb", "GET", status_tsdb},
    Route{"/status/tsdb/blocks", "GET", status_tsdb_blocks},
    Route{"/admin/tsdb/delete_series", "POST, PUT", delete_series},
    Route{"/admin/tsdb/clean_tombstones", "POST, PUT", clean_tombstones},
    Route{"/admin/tsdb/snapshot", "POST, PUT", snapshot},
};

struct Found {
  const Route* route = nullptr;
  std::string_view tail;
};

Found find_route(std::string_view path) {
  for (const Route& route : kRoutes) {
    const std::size_t star = route.path.find('*');
    if (star == std::string_view::npos) {
      if (route.path == path) return {&route, {}};
      continue;
    }
    const std::string_view before = route.path.substr(0, star);
    const std::string_view after = route.path.substr(star + 1);
    if (path.size() > before.size() + after.size() && path.starts_with(before) && path.ends_with(after)) {
      const std::string_view tail = path.substr(before.size(), path.size() - before.size() - after.size());
      if (!tail.contains('/')) return {&route, tail};
    }
  }
  return {};
}

bool allows(std::string_view methods, std::string_view method) {
  for (std::size_t at = 0; at < methods.size();) {
    const std::size_t comma = std::min(methods.find(", ", at), methods.size());
    if (methods.substr(at, comma - at) == method) return true;
    at = comma + 2;
  }
  return false;
}

struct ErrorKind {
  std::string_view name;
  int status;
};

ErrorKind kind_of(Code code) {
  switch (code) {
    case Code::invalid:
      return {"bad_data", 400};
    case Code::execution:
    case Code::limit:
      return {"execution", 422};
    case Code::cancelled:
      return {"canceled", 499};
    case Code::timeout:
      return {"timeout", 503};
    case Code::not_found:
      return {"not_found", 404};
    case Code::unavailable:
      return {"unavailable", 500};
    case Code::corruption:
    case Code::io:
    case Code::internal:
      return {"internal", 500};
  }
  return {"internal", 500};
}

void write_texts(JsonWriter& json, std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json.key(key).begin_array();
  for (const std::string& text : texts) json.string(text);
  json.end_array();
}

/// The envelope around an answer, in pieces: opening, the data as it comes, what follows it.
Response success_response(Answer answer) {
  enum class Stage : std::uint8_t { opening, data, done };
  Response response;
  if (!answer.data) {
    response.status = 204;
    return response;
  }
  response.headers = {{"Content-Type", "application/json"}};
  response.pieces = [answer = std::move(answer), stage = Stage::opening](std::string& out) mutable {
    if (stage == Stage::opening) {
      out += R"({"status":"success","data":)";
      stage = Stage::data;
    }
    if (stage == Stage::data) {
      if (answer.data(out)) return true;
      std::string rest;
      JsonWriter after(rest);
      write_texts(after, "warnings", answer.warnings);
      write_texts(after, "infos", answer.infos);
      if (!rest.empty()) out += ',' + rest;
      out += '}';
      stage = Stage::done;
    }
    return false;
  };
  return response;
}

}  // namespace

Answer Answer::of(std::string json) {
  Answer answer;
  answer.data = [json = std::move(json)](std::string& out) {
    out += json;
    return false;
  };
  return answer;
}

Response error_response(const Error& error) {
  const ErrorKind kind = kind_of(error.code);
  Response response;
  response.status = kind.status;
  response.headers = {{"Content-Type", "application/json"}};
  JsonWriter(response.body)
      .begin_object()
      .key("status")
      .string("error")
      .key("errorType")
      .string(kind.name)
      .key("error")
      .string(error.text)
      .end_object();
  return response;
}

struct Api::Impl {
  ApiSources sources;
};

Api::Api(ApiSources sources) : impl_(std::make_unique<Impl>(Impl{std::move(sources)})) {}
Api::~Api() = default;

Response Api::handle(const Request& request, std::string_view path) const {
  const Found found = find_route(path);
  if (!found.route) return Response::text(404, "404 page not found\n");
  if (request.method == "OPTIONS") return {204, {}, {}, {}};
  if (!allows(found.route->methods, request.method)) {
    Response refused = Response::text(405, "Method Not Allowed\n");
    refused.headers.emplace_back("Allow", std::string(found.route->methods) + ", OPTIONS");
    return refused;
  }
  auto parameters = Parameters::from(request);
  if (!parameters) return error_response(parameters.error());
  auto answer = found.route->endpoint(impl_->sources, {request, *parameters, found.tail});
  if (!answer) return error_response(answer.error());
  return success_response(std::move(*answer));
}

std::optional<Response> Api::handle_if_small(const Request& request, std::string_view path) const {
  const Found found = find_route(path);
  if (!found.route || !found.route->small || !allows(found.route->methods, request.method))
    return std::nullopt;
  auto parameters = Parameters::from(request);
  if (!parameters) return error_response(parameters.error());
  auto answer = found.route->small(impl_->sources, {request, *parameters, found.tail});
  if (!answer) return std::nullopt;
  if (!*answer) return error_response(answer->error());
  return success_response(std::move(**answer));
}

}  // namespace narthex::web
