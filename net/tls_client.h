// TlsClient: what a client needs to speak TLS, made from tls_config.
//
// Certificates and keys named as files are read again for each new connection; a changed
// file (a rotated certificate) makes a new context, without a reload.
//
// Threads: any.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "config/config.h"
#include "io/file_system.h"
#include "model/result.h"
#include "sync/mutex.h"

namespace narthex::net {

class TlsClient {
 public:
  TlsClient(config::TlsConfig config, io::FileSystem& fs) : config_(std::move(config)), fs_(fs) {}

  /// Errors: io, not_found (a file cannot be read), invalid (what is in it).
  Result<std::shared_ptr<boost::asio::ssl::context>> context();
  /// Whether anything is configured that can be wrong.
  [[nodiscard]] bool has_material() const;
  [[nodiscard]] const config::TlsConfig& config() const { return config_; }

 private:
  /// PEM texts as they were when the context was made.
  struct Material {
    std::string ca, cert, key;
    bool operator==(const Material&) const = default;
  };
  Result<Material> read_material();

  const config::TlsConfig config_;
  io::FileSystem& fs_;
  sync::Mutex mutex_;
  Material material_ NARTHEX_GUARDED_BY(mutex_);
  std::shared_ptr<boost::asio::ssl::context> context_ NARTHEX_GUARDED_BY(mutex_);
};

}  // namespace narthex::net
