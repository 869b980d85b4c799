#pragma once

#include "http/router.hpp"

#include <exception>
#include <optional>

namespace peercron {

/// What the API answers when a call of the store fails (a Router::Explain), and logs.
///
/// StoreError: 503 with Retry-After. TookTooLong: 504, with advice how to ask this route for less,
/// but 503 when the route changes something: that may have been done. NameTaken: 409. nullopt for
/// any other error.
std::optional<HttpError> explain_store_error(const std::exception_ptr& error,
                                             const Request& request, const Route& route);

}  // namespace peercron
