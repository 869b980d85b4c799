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
    bool is_private = false;  ///< see Access::is_private()
    bool is_https = false;    ///< see Access::is_https()
};

/// Which jobs a call is about: what a caller that is limited to some jobs may do with it.
enum class Scope : std::uint8_t {
    all,       ///< all jobs, or the whole node: such a caller may not
    none,      ///< no job
    job,       ///< that with the id in the path: checked by Router::Limit
    run,       ///< that of the row of the log with the id in the path: the same
    filtered,  ///< those of the caller: the handler keeps to them
};

/// One path with one meaning.
struct Route {
    using Handler = std::function<asio::awaitable<Response>(const Call& call)>;

    std::string pattern;              ///< "/cron/stop/{id}": {id} is one whole segment of the path
    std::vector<http::verb> methods;  ///< HEAD comes with GET by itself, unless it mutates
    std::optional<Role> role = {};    ///< not set: no token is needed
    Scope scope = Scope::all;
    bool mutates = false;  ///< refused when it comes from another site's page
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

    /// Whether a call of a caller that is limited to some jobs is about one of them; Scope::job and
    /// Scope::run. Throws HttpError when it is not.
    using Limit = std::function<asio::awaitable<void>(const Route& route, const Caller& caller,
                                                      std::string id)>;

    explicit Router(Access access, Explain explain = nullptr, Limit limit = nullptr)
        : access_(std::move(access)), explain_(std::move(explain)), limit_(std::move(limit))
    {}

    /// From the next request on, of connections that are open as well.
    void admit_by(const AccessRules& rules) { access_ = access_.with(rules); }

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
    asio::awaitable<std::variant<Admission, Response>> admit(const Request& request) const;

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
    asio::awaitable<Admission> admit(const Request& request, const Target& target,
                                     Match matched) const;
    Response answer_to(const std::exception_ptr& error, const Request& request,
                       const Route* route) const;

    Access access_;
    Explain explain_;
    Limit limit_;
    std::vector<Route> routes_;
};

}  // namespace peercron
