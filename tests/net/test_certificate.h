// Throwaway certificates for TLS tests, made on the spot: no key ever lies in the repository.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

namespace narthex::test {

struct TestCertificate {
  std::string cert;  ///< PEM
  std::string key;   ///< PEM
};

/// Self-signed, valid now for the DNS name and for 127.0.0.1; may sign as its own CA.
TestCertificate make_certificate(const std::string& dns_name);
/// A server's context that shows it; with `client_ca` (PEM) clients must show one signed by it.
std::shared_ptr<boost::asio::ssl::context> server_context(const TestCertificate& own,
                                                          const std::string& client_ca = "");

}  // namespace narthex::test
