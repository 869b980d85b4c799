#pragma once

#include "base/event.hpp"
#include "http/access.hpp"

#include "server_fixture.hpp"

#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <vector>

namespace peercron::testing {

/// Serves a list of texts, with a call of each kind and for each role:
///
///     GET /health                     anybody
///     GET /thing/list                 read; all of them, in chunks if they are long
///     GET /thing/{id}                 read; the one at this place, from 1
///     GET or POST /thing/paint/{id}   operate; changes it to its caller's address
///     POST /thing/add                 admin; needs `name`, may have `colour`
class ThingServerTest : public ServerTest {
protected:
    ~ThingServerTest() override;

    Router make_router() override;

    asio::awaitable<Response> list(const Call& call);
    asio::awaitable<Response> show(const Call& call);
    asio::awaitable<Response> paint(const Call& call);
    asio::awaitable<Response> add(const Call& call);

    std::vector<std::string> things_;
    std::vector<Token> tokens_;
    Router::Explain explain_;
    std::exception_ptr failure_;  ///< what a list throws
    bool is_held_ = false;        ///< a list waits until this is false and list_ was notified
    std::size_t lists_ = 0;       ///< how many have begun
    Event list_{io_.get_executor()};

private:
    std::string& find(const Call& call);
};

}  // namespace peercron::testing
