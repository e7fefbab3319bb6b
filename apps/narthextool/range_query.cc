#include "apps/narthextool/range_query.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <cmath>
#include <exception>
#include <optional>
#include <string_view>
#include <utility>

#include "model/value.h"
#include "net/http_client.h"

namespace narthex::apps {
namespace {

namespace json = boost::json;

/// The server ends a query earlier; this is for a peer that does not answer at all.
constexpr std::chrono::minutes kTimeout{10};

bool is_api_error(int status) {
  return status == 400 || status == 422;
}

std::unexpected<Error> bad_response(std::string_view what) {
  return fail(Code::invalid, fmt::format("bad_response: {}", what));
}

std::string_view text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(text->data(), text->size());
}

const json::array* list_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(json::string_view(name.data(), name.size()));
  return value == nullptr ? nullptr : value->if_array();
}

std::optional<RangeSample> read_sample(const json::value& value) {
  const json::array* pair = value.if_array();
  if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_number() || !(*pair)[1].is_string()) return {};
  const json::string& text = (*pair)[1].get_string();
  auto v = parse_float({text.data(), text.size()});
  if (!v) return {};
  // How a NaN is written says nothing of its bits.
  if (std::isnan(*v)) v = kNormalNan;
  return RangeSample{std::llround((*pair)[0].to_number<double>() * 1000), *v};
}

Result<RangeSeries> read_series(const json::value& value, std::uint64_t& histograms) {
  const json::object* object = value.if_object();
  const json::value* metric = object == nullptr ? nullptr : object->if_contains("metric");
  if (metric == nullptr || !metric->is_object()) return bad_response("a series without labels");
  RangeSeries series;
  LabelsBuilder labels;
  for (const auto& [name, text] : metric->get_object()) {
    if (!text.is_string()) return bad_response("the value of a label is no text");
    labels.set({name.data(), name.size()}, {text.get_string().data(), text.get_string().size()});
  }
  series.labels = labels.labels();
  if (const json::array* values = list_of(*object, "values")) {
    series.samples.reserve(values->size());
    for (const json::value& pair : *values) {
      const auto sample = read_sample(pair);
      if (!sample) return bad_response("a sample is not of the form [TIME, \"VALUE\"]");
      series.samples.push_back(*sample);
    }
  }
  if (const json::array* left = list_of(*object, "histograms")) histograms += left->size();
  return series;
}

Result<RangeAnswer> read_matrix(const json::object& answer) {
  const json::value* data = answer.if_contains("data");
  if (data == nullptr || !data->is_object()) return bad_response("no data");
  const std::string_view type = text_of(data->get_object(), "resultType");
  if (type != "matrix") return fail(Code::invalid, fmt::format("rule result is wrong type {}", type));
  const json::array* series = list_of(data->get_object(), "result");
  if (series == nullptr) return bad_response("no result");
  RangeAnswer out;
  out.series.reserve(series->size());
  for (const json::value& one : *series) {
    auto read = read_series(one, out.histograms);
    if (!read) return pass(read);
    out.series.push_back(*std::move(read));
  }
  if (const json::array* warnings = list_of(answer, "warnings")) {
    for (const json::value& warning : *warnings) {
      if (warning.is_string()) out.warnings.emplace_back(warning.get_string());
    }
  }
  return out;
}

/// Seconds with three decimals.
std::string seconds_text(std::int64_t ms) {
  return fmt::format("{}{}.{:03}", ms < 0 ? "-" : "", std::abs(ms) / 1000, std::abs(ms) % 1000);
}

}  // namespace

Result<RangeAnswer> read_range_answer(int status, const std::string& body) {
  if (status / 100 != 2 && !is_api_error(status)) {
    if (status / 100 == 4) return fail(Code::invalid, fmt::format("client_error: client error: {}", status));
    if (status / 100 == 5) return fail(Code::invalid, fmt::format("server_error: server error: {}", status));
    return bad_response(fmt::format("bad response code {}", status));
  }
  json::error_code error;
  const json::value value = json::parse(body, error);
  if (error || !value.is_object()) return bad_response("the answer is no JSON object");
  const json::object& answer = value.get_object();
  if (is_api_error(status) == (text_of(answer, "status") == "success"))
    return bad_response("inconsistent body for response code");
  if (is_api_error(status)) {
    return fail(Code::invalid, fmt::format("{}: {}", text_of(answer, "errorType"), text_of(answer, "error")));
  }
  return read_matrix(answer);
}

struct RangeQueryClient::Impl {
  std::string url;
  boost::asio::io_context io{1};
  std::shared_ptr<net::HttpClient> http;

  Result<net::Response> send(net::Request request) {
    std::optional<Result<net::Response>> answer;
    std::exception_ptr thrown;
    boost::asio::co_spawn(io, http->send(std::move(request)),
                          [&](std::exception_ptr e, Result<net::Response> response) {
                            thrown = std::move(e);
                            answer = std::move(response);
                            io.stop();
                          });
    io.restart();
    io.run();
    if (thrown) std::rethrow_exception(thrown);
    return *std::move(answer);
  }
};

RangeQueryClient::RangeQueryClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RangeQueryClient::RangeQueryClient(RangeQueryClient&&) noexcept = default;
RangeQueryClient& RangeQueryClient::operator=(RangeQueryClient&&) noexcept = default;
RangeQueryClient::~RangeQueryClient() = default;

Result<RangeQueryClient> RangeQueryClient::make(const std::string& url, config::HttpConfig http) {
  auto impl = std::make_unique<Impl>();
  impl->url = url.find("://") == std::string::npos ? "http://" + url : url;
  while (impl->url.ends_with('/')) impl->url.pop_back();
  impl->url += "/api/v1/query_range";
  auto client = net::HttpClient::make(impl->io.get_executor(), std::move(http));
  if (!client) return pass(client);
  impl->http = *std::move(client);
  return RangeQueryClient(std::move(impl));
}

Result<RangeAnswer> RangeQueryClient::query(const RangeQuery& query) {
  const std::string form =
      fmt::format("query={}&start={}&end={}&step={}", net::query_escape(query.expr),
                  seconds_text(query.start), seconds_text(query.end), seconds_text(query.step));
  net::Request request;
  request.timeout = kTimeout;
  request.method = "POST";
  request.url = impl_->url;
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = form;
  auto response = impl_->send(request);
  // Some proxies let through nothing but GET.
  if (response && (response->status == 405 || response->status == 501)) {
    request.method = "GET";
    request.url += "?" + form;
    request.headers.clear();
    request.body.clear();
    response = impl_->send(std::move(request));
  }
  if (!response) return pass(response);
  return read_range_answer(response->status, response->body);
}

}  // namespace narthex::apps
