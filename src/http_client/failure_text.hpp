#pragma once

#include "http_client/http_exchange.hpp"

#include <curl/curl.h>

#include <chrono>
#include <string>
#include <string_view>

namespace peercron {

/// What libcurl says of a transfer that has failed.
struct CurlFailure {
    CURLcode code = CURLE_OK;
    int system_error = 0;  ///< of the last call that failed; 0 = none
    std::string said;      ///< CURLOPT_ERRORBUFFER
};

/// The same for an operator at night, with names and addresses, and without what only libcurl's
/// developers know.
std::string failure_text(const CurlFailure& failure, const HttpProgress& progress,
                         std::chrono::milliseconds connect_timeout,
                         std::chrono::milliseconds timeout, std::string_view ca_file);

/// "30 s", "1.5 s".
std::string seconds_text(std::chrono::milliseconds time);

}  // namespace peercron
