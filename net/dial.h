// dial: from a host name and a port to a connected Stream.
//
// Threads: any; runs on the caller's strand.
#pragma once

#include <memory>
#include <string>

#include "net/stream.h"

namespace narthex::net {

/// Tries the host's addresses one after the other; each gets its share of the time left.
/// @param sockets  executor that the socket is made on
/// Errors: io with the first address' failure (`dial tcp 127.0.0.1:1: connect: connection
/// refused`, `dial tcp: lookup x: no such host`), timeout, cancelled.
Awaitable<Result<std::unique_ptr<Stream>>> dial(boost::asio::any_io_executor sockets, std::string host,
                                                std::string port, Stream::Deadline deadline);

}  // namespace narthex::net
