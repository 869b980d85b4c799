#pragma once

#include "http/access.hpp"
#include "http/message.hpp"
#include "http/params.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/beast/http/fields.hpp>

#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace peercron {

/// What a handler is given.
struct Call {
    Caller caller;
    std::string id;  ///< what stands for {id} in the path, decoded
    Params params;
    const http::fields& headers;
};

/// One path with one meaning.
struct Route {
    using Handler = std::function<asio::awaitable<Response>(const Call& call)>;

    std::string pattern;              ///< "/cron/stop/{id}": {id} is one whole segment of the path
    std::vector<http::verb> methods;  ///< HEAD comes with GET by itself, unless it mutates
    std::optional<Role> role = {};    ///< not set: no token is needed
    bool mutates = false;             ///< refused when it comes from another site's page
    std::vector<Param> params = {};
    Strictness strictness = Strictness::lenient;
    Handler handler;  ///< may throw HttpError and what Router::Explain knows
};

/// Finds the route of a request, lets it in or not, reads its parameters and calls the handler;
/// and turns every error into an answer.
class Router {
public:
    /// The answer to an error of a handler that the server does not know, as one of a store.
    /// nullopt: it is a bug; the router logs it and answers 500.
    using Explain = std::function<std::optional<HttpError>(
        const std::exception_ptr& error, const Request& request, const Route& route)>;

    explicit Router(Access access, Explain explain = nullptr)
        : access_(std::move(access)), explain_(std::move(explain))
    {}

    /// From the next request on, of connections that are open as well.
    void admit_by(Access access) { access_ = std::move(access); }

    void add(Route route) { routes_.push_back(std::move(route)); }
    const std::vector<Route>& routes() const { return routes_; }

    /// A request that may be served: what its line and header alone decide.
    struct Admission {
        const Route* route = nullptr;
        Caller caller;
        std::string id;
        std::string query;
    };

    /// Finds the route and checks access without reading the body: a refused call cannot make this
    /// node read one. A refusal is an answer.
    std::variant<Admission, Response> admit(const Request& request) const;

    /// The answer to an admitted request, with its body; throws only when the coroutine is
    /// cancelled. HEAD is answered like GET; the caller leaves the body out.
    asio::awaitable<Response> handle(const Request& request, Admission admitted) const;

    /// The address to show in the access log.
    std::string client_address(const Request& request) const
    {
        return access_.client_address(request);
    }

private:
    struct Target {
        std::vector<std::string> segments;
        std::string_view query;
    };
    struct Match {
        const Route* route = nullptr;
        std::string id;
    };

    static Target parse_target(const Request& request);
    Match match(const Request& request, const Target& target) const;
    Response answer_to(const std::exception_ptr& error, const Request& request,
                       const Route* route) const;

    Access access_;
    Explain explain_;
    std::vector<Route> routes_;
};

}  // namespace peercron
