#pragma once

#include "http/router.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>

namespace peercron {

/// The API of this node for the program itself: the same calls, rules and histories as for any
/// client, but without a socket, and with the rights of an administrator.
///
/// Lives on the I/O thread.
class OwnApi {
public:
    /// @param api the routes, for this use alone: it takes no other caller any more.
    /// @param caller the author of the changes, as the histories of jobs show it.
    OwnApi(Router api, std::string caller);

    /// The data of the answer. Throws HttpError with the API's own words when it is a refusal.
    asio::awaitable<boost::json::value> get(std::string target);
    asio::awaitable<boost::json::value> post(std::string target, boost::json::object parameters);

private:
    asio::awaitable<boost::json::value> call(Request request);

    Router api_;
    std::string token_;
};

}  // namespace peercron
