#include "net/tls_client.h"

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>
#include <utility>

namespace narthex::net {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

namespace {

// "" is the default of either end: TLS 1.2 at least, anything newer at most.
Result<int> protocol_number(const std::string& name, int otherwise) {
  if (name.empty()) return otherwise;
  if (name == "TLS10") return TLS1_VERSION;
  if (name == "TLS11") return TLS1_1_VERSION;
  if (name == "TLS12") return TLS1_2_VERSION;
  if (name == "TLS13") return TLS1_3_VERSION;
  return fail(Code::invalid, "unknown TLS version: " + name);
}

boost::asio::const_buffer pem(const std::string& text) {
  return boost::asio::const_buffer(text.data(), text.size());
}

Result<std::string> text_or_file(const std::string& text, const std::string& path, io::FileSystem& fs,
                                 std::string_view what) {
  if (path.empty()) return text;
  auto read = fs.read_file(path);
  if (!read) return pass(read, "unable to read " + std::string(what) + " " + path);
  return read;
}

}  // namespace

bool TlsClient::has_material() const {
  return !(config_.ca.empty() && config_.ca_file.empty() && config_.cert.empty() &&
           config_.cert_file.empty() && config_.key.text.empty() && config_.key_file.empty() &&
           config_.min_version.empty() && config_.max_version.empty());
}

Result<TlsClient::Material> TlsClient::read_material() {
  auto ca = text_or_file(config_.ca, config_.ca_file, fs_, "CA cert");
  if (!ca) return pass(ca);
  auto cert = text_or_file(config_.cert, config_.cert_file, fs_, "client cert");
  if (!cert) return pass(cert);
  auto key = text_or_file(config_.key.text, config_.key_file, fs_, "client key");
  if (!key) return pass(key);
  if (cert->empty() != key->empty())
    return fail(Code::invalid, cert->empty() ? "client key given without client cert"
                                             : "client cert given without client key");
  return Material{std::move(*ca), std::move(*cert), std::move(*key)};
}

Result<std::shared_ptr<ssl::context>> TlsClient::context() {
  auto material = read_material();
  if (!material) return pass(material);
  sync::MutexLock lock(mutex_);
  if (context_ && *material == material_) return context_;

  const auto min = protocol_number(config_.min_version, TLS1_2_VERSION);
  if (!min) return std::unexpected(min.error());
  const auto max = protocol_number(config_.max_version, 0);
  if (!max) return std::unexpected(max.error());
  auto context = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), *min);
  SSL_CTX_set_max_proto_version(context->native_handle(), *max);

  error_code ec;
  if (material->ca.empty()) {
    context->set_default_verify_paths(ec);
    if (ec) return fail(Code::io, "cannot load the system's CA certificates: " + ec.message());
  } else {
    context->add_certificate_authority(pem(material->ca), ec);
    if (ec) return fail(Code::invalid, "unable to use specified CA cert " + config_.ca_file);
  }
  if (!material->cert.empty()) {
    context->use_certificate_chain(pem(material->cert), ec);
    if (!ec) context->use_private_key(pem(material->key), ssl::context::pem, ec);
    if (ec)
      return fail(Code::invalid, "unable to use specified client cert (" + config_.cert_file + ") & key (" +
                                     config_.key_file + "): " + ec.message());
  }
  material_ = std::move(*material);
  context_ = std::move(context);
  return context_;
}

}  // namespace narthex::net
