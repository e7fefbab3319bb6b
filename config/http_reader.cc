// http_config: authentication, TLS, redirects, headers.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "config/readers.h"

namespace narthex::config {

namespace {

constexpr std::string_view kMasked = "<secret>";

YamlOut masked() {
  return YamlOut::text(kMasked);
}

constexpr std::array<std::string_view, 8> kHttpFields = {
    "basic_auth", "authorization",    "bearer_token", "bearer_token_file",
    "tls_config", "follow_redirects", "enable_http2", "http_headers",
};
constexpr std::array<std::string_view, 5> kUnsupportedHttpFields = {
    "oauth2", "proxy_url", "no_proxy", "proxy_from_environment", "proxy_connect_header",
};

void at_most_one(const Section& section, std::initializer_list<bool> set, std::string_view text) {
  if (std::ranges::count(set, true) > 1) section.refuse(text);
}

void read_basic_auth(const ReadContext& context, const Section& parent, HttpConfig& http, YamlOut& yaml) {
  if (!parent.given("basic_auth")) return;
  static constexpr std::array<std::string_view, 4> kKnown = {"username", "username_file", "password",
                                                             "password_file"};
  static constexpr std::array<std::string_view, 2> kNotYet = {"username_ref", "password_ref"};
  const Section section(context.findings, *parent.find("basic_auth"), parent.path_of("basic_auth"),
                        {kKnown, kNotYet});
  BasicAuth auth;
  section.text("username", auth.username);
  section.text("username_file", auth.username_file);
  section.text("password", auth.password.text);
  section.text("password_file", auth.password_file);
  at_most_one(section, {!auth.username.empty(), !auth.username_file.empty()},
              "at most one of basic_auth username, username_file & username_ref must be configured");
  at_most_one(section, {!auth.password.text.empty(), !auth.password_file.empty()},
              "at most one of basic_auth password, password_file & password_ref must be configured");
  auth.username_file = join_path(context.directory, auth.username_file);
  auth.password_file = join_path(context.directory, auth.password_file);
  YamlOut out = YamlOut::mapping();
  out.add_if(!auth.username.empty(), "username", YamlOut::text(auth.username));
  out.add_if(!auth.username_file.empty(), "username_file", YamlOut::text(auth.username_file));
  out.add_if(!auth.password.text.empty(), "password", masked());
  out.add_if(!auth.password_file.empty(), "password_file", YamlOut::text(auth.password_file));
  yaml.add("basic_auth", std::move(out));
  http.basic_auth = std::move(auth);
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(kSpace) - first + 1));
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return lower(x) == lower(y);
  });
}

void read_authorization(const ReadContext& context, const Section& parent, HttpConfig& http) {
  static constexpr std::array<std::string_view, 3> kKnown = {"type", "credentials", "credentials_file"};
  static constexpr std::array<std::string_view, 1> kNotYet = {"credentials_ref"};
  const Section section(context.findings, *parent.find("authorization"), parent.path_of("authorization"),
                        {kKnown, kNotYet});
  Authorization auth;
  section.text("type", auth.type);
  section.text("credentials", auth.credentials.text);
  section.text("credentials_file", auth.credentials_file);
  at_most_one(section, {!auth.credentials.text.empty(), !auth.credentials_file.empty()},
              "at most one of authorization credentials & credentials_file must be configured");
  auth.type = trimmed(auth.type);
  if (auth.type.empty()) auth.type = "Bearer";
  if (equal_ignoring_case(auth.type, "basic"))
    section.refuse("type", "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
  auth.credentials_file = join_path(context.directory, auth.credentials_file);
  http.authorization = std::move(auth);
}

/// bearer_token and bearer_token_file are older names of authorization.
void read_bearer(const ReadContext& context, const Section& section, HttpConfig& http) {
  std::string token;
  std::string file;
  section.text("bearer_token", token);
  section.text("bearer_token_file", file);
  const bool bearer = !token.empty() || !file.empty();
  if (!token.empty() && !file.empty())
    return section.refuse("bearer_token",
                          "at most one of bearer_token & bearer_token_file must be configured");
  if (http.basic_auth && bearer) {
    return section.refuse(
        "basic_auth",
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured");
  }
  if (http.authorization) {
    if (bearer)
      section.refuse("authorization",
                     "authorization is not compatible with bearer_token & bearer_token_file");
    if (http.basic_auth)
      section.refuse("authorization", "at most one of basic_auth, oauth2 & authorization must be configured");
    return;
  }
  if (!bearer) return;
  http.authorization =
      Authorization{.credentials = {token}, .credentials_file = join_path(context.directory, file)};
}

YamlOut write_authorization(const Authorization& auth) {
  YamlOut out = YamlOut::mapping();
  out.add("type", YamlOut::text(auth.type));
  out.add_if(!auth.credentials.text.empty(), "credentials", masked());
  out.add_if(!auth.credentials_file.empty(), "credentials_file", YamlOut::text(auth.credentials_file));
  return out;
}

void check_tls_version(const Section& section, std::string_view name, const std::string& version) {
  static constexpr std::array<std::string_view, 4> kVersions = {"TLS10", "TLS11", "TLS12", "TLS13"};
  if (!section.given(name) || std::ranges::find(kVersions, version) != kVersions.end()) return;
  section.refuse(name, fmt::format("unknown TLS version: {}", version));
}

void check_tls(const Section& section, const TlsConfig& tls) {
  at_most_one(section, {!tls.ca.empty(), !tls.ca_file.empty()},
              "at most one of ca, ca_file & ca_ref must be configured");
  at_most_one(section, {!tls.cert.empty(), !tls.cert_file.empty()},
              "at most one of cert, cert_file & cert_ref must be configured");
  at_most_one(section, {!tls.key.text.empty(), !tls.key_file.empty()},
              "at most one of key and key_file must be configured");
  const bool cert = !tls.cert.empty() || !tls.cert_file.empty();
  const bool key = !tls.key.text.empty() || !tls.key_file.empty();
  if (cert && !key)
    section.refuse(
        "exactly one of key or key_file must be configured when a client certificate is configured");
  if (key && !cert)
    section.refuse("exactly one of cert or cert_file must be configured when a client key is configured");
  check_tls_version(section, "min_version", tls.min_version);
  check_tls_version(section, "max_version", tls.max_version);
}

bool is_default(const TlsConfig& tls) {
  return tls.ca.empty() && tls.ca_file.empty() && tls.cert.empty() && tls.cert_file.empty() &&
         tls.key.text.empty() && tls.key_file.empty() && tls.server_name.empty() &&
         !tls.insecure_skip_verify && tls.min_version.empty() && tls.max_version.empty();
}

YamlOut write_tls(const TlsConfig& tls) {
  YamlOut out = YamlOut::mapping();
  const auto add = [&out](std::string_view name, const std::string& value) {
    out.add_if(!value.empty(), name, YamlOut::text(value));
  };
  add("ca", tls.ca);
  add("cert", tls.cert);
  out.add_if(!tls.key.text.empty(), "key", masked());
  add("ca_file", tls.ca_file);
  add("cert_file", tls.cert_file);
  add("key_file", tls.key_file);
  add("server_name", tls.server_name);
  out.add("insecure_skip_verify", YamlOut::boolean(tls.insecure_skip_verify));
  add("min_version", tls.min_version);
  add("max_version", tls.max_version);
  return out;
}

TlsConfig read_tls(const ReadContext& context, const Section& parent) {
  TlsConfig tls;
  if (!parent.given("tls_config")) return tls;
  static constexpr std::array<std::string_view, 10> kKnown = {
      "ca",          "cert",       "key",         "ca_file",
      "cert_file",   "key_file",   "server_name", "insecure_skip_verify",
      "min_version", "max_version"};
  static constexpr std::array<std::string_view, 3> kNotYet = {"ca_ref", "cert_ref", "key_ref"};
  const Section section(context.findings, *parent.find("tls_config"), parent.path_of("tls_config"),
                        {kKnown, kNotYet});
  section.text("ca", tls.ca);
  section.text("cert", tls.cert);
  section.text("key", tls.key.text);
  section.text("ca_file", tls.ca_file);
  section.text("cert_file", tls.cert_file);
  section.text("key_file", tls.key_file);
  section.text("server_name", tls.server_name);
  section.boolean("insecure_skip_verify", tls.insecure_skip_verify);
  section.text("min_version", tls.min_version);
  section.text("max_version", tls.max_version);
  check_tls(section, tls);
  for (std::string* file : {&tls.ca_file, &tls.cert_file, &tls.key_file})
    *file = join_path(context.directory, *file);
  return tls;
}

/// Go's http.CanonicalHeaderKey for names made of token characters.
std::string canonical_header(std::string_view name) {
  std::string out(name);
  bool upper = true;
  for (char& c : out) {
    if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (!upper && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    upper = c == '-';
  }
  return out;
}

bool is_reserved_header(std::string_view canonical) {
  static constexpr std::array<std::string_view, 18> kReserved = {
      "Authorization",
      "Host",
      "Content-Encoding",
      "Content-Length",
      "Content-Type",
      "User-Agent",
      "Connection",
      "Keep-Alive",
      "Proxy-Authenticate",
      "Proxy-Authorization",
      "Www-Authenticate",
      "Accept-Encoding",
      "X-Prometheus-Remote-Write-Version",
      "X-Prometheus-Remote-Read-Version",
      "X-Prometheus-Scrape-Timeout-Seconds",
      "X-Amz-Date",
      "X-Amz-Security-Token",
      "X-Amz-Content-Sha256",
  };
  return std::ranges::find(kReserved, canonical) != kReserved.end();
}

/// A line break in a header would let a value add headers of its own.
bool is_header_value(std::string_view value) {
  return std::ranges::none_of(value, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

bool is_header_name(std::string_view name) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::ranges::all_of(name, [kMarks](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != kMarks.npos;
  });
}

void read_headers(const ReadContext& context, const Section& parent, HttpConfig& http, YamlOut& yaml) {
  YamlOut all = YamlOut::mapping();
  parent.entries("http_headers", [&](const YamlEntry& entry) {
    const std::string path = fmt::format("{}.{}", parent.path_of("http_headers"), entry.key);
    const std::string canonical = canonical_header(entry.key);
    if (!is_header_name(entry.key))
      context.findings.report(entry.key_at,
                              fmt::format("{}: {} is not a valid header name", path, quote(entry.key)));
    if (is_reserved_header(canonical))
      context.findings.report(entry.key_at,
                              fmt::format("{}: setting header {} is not allowed", path, quote(canonical)));
    static constexpr std::array<std::string_view, 2> kKnown = {"values", "secrets"};
    static constexpr std::array<std::string_view, 1> kNotYet = {"files"};
    const Section section(context.findings, entry.value, path, {kKnown, kNotYet});
    std::vector<std::string> values;
    std::vector<std::string> secrets;
    section.texts("values", values);
    section.texts("secrets", secrets);
    YamlOut out = YamlOut::mapping();
    out.add_if(!values.empty(), "values", YamlOut::texts(values));
    out.add_if(!secrets.empty(), "secrets",
               YamlOut::texts(std::vector<std::string>(secrets.size(), std::string(kMasked))));
    all.add(entry.key, std::move(out));
    values.insert(values.end(), secrets.begin(), secrets.end());
    if (!std::ranges::all_of(values, is_header_value))
      context.findings.report(entry.value.at,
                              fmt::format("{}: a header's value may not hold a line break", path));
    http.headers.emplace_back(entry.key, std::move(values));
  });
  all.sort_fields();
  yaml.add_filled("http_headers", std::move(all));
}

}  // namespace

std::string join_path(const std::string& directory, const std::string& path) {
  if (path.empty() || path.starts_with('/')) return path;
  std::string joined = (std::filesystem::path(directory) / path).lexically_normal().string();
  while (joined.size() > 1 && joined.ends_with('/')) joined.pop_back();
  return joined;
}

std::vector<std::string_view> with_http_fields(std::initializer_list<std::string_view> own) {
  std::vector<std::string_view> names(own);
  names.insert(names.end(), kHttpFields.begin(), kHttpFields.end());
  return names;
}

std::vector<std::string_view> with_unsupported_http_fields(std::initializer_list<std::string_view> own) {
  std::vector<std::string_view> names(own);
  names.insert(names.end(), kUnsupportedHttpFields.begin(), kUnsupportedHttpFields.end());
  return names;
}

Read<HttpConfig> read_http(const ReadContext& context, const Section& section) {
  Read<HttpConfig> out;
  HttpConfig& http = out.value;
  read_basic_auth(context, section, http, out.yaml);
  if (section.given("authorization")) read_authorization(context, section, http);
  read_bearer(context, section, http);
  if (http.authorization) out.yaml.add("authorization", write_authorization(*http.authorization));
  http.tls = read_tls(context, section);
  out.yaml.add_if(!is_default(http.tls), "tls_config", write_tls(http.tls));
  section.boolean("follow_redirects", http.follow_redirects);
  section.boolean("enable_http2", http.enable_http2);
  out.yaml.add("follow_redirects", YamlOut::boolean(http.follow_redirects));
  out.yaml.add("enable_http2", YamlOut::boolean(http.enable_http2));
  read_headers(context, section, http, out.yaml);
  return out;
}

}  // namespace narthex::config
