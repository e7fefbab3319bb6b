// Negotiation: which expositions we ask a target for, and which one it sent.
//
// Threads: any.
// Source: Prometheus scrape/scrape.go (acceptHeader), model/textparse/interface.go
#pragma once

#include <string>
#include <string_view>

#include "config/config.h"
#include "model/result.h"
#include "scrape/exposition/lexer.h"

namespace narthex::scrape {

/// `application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,...,*/*;q=0.2`.
/// Protobuf is not asked for: we do not read it.
std::string accept_header(const config::ScrapeConfig& job);

/// @param fallback_protocol  fallback_scrape_protocol, "" = none
/// Errors: invalid, with Prometheus' texts.
Result<Format> exposition_format(std::string_view content_type, std::string_view fallback_protocol);

}  // namespace narthex::scrape
