#include "server_fixture.hpp"

#include "await.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron::testing {
namespace {

asio::awaitable<bool> joined(TaskGroup& tasks)
{
    co_await tasks.join();
    co_return true;
}

}  // namespace

void ServerTest::start()
{
    router_.emplace(make_router());
    server_.emplace(io_.get_executor(), settings_, *router_, *metrics_, budget_);
    tasks_.spawn("http", server_->run());
}

void ServerTest::stop()
{
    tasks_.cancel();
    await(io_, joined(tasks_));
    server_.reset();
}

HttpClient ServerTest::connect()
{
    if (!server_) start();
    return HttpClient(io_, server_->endpoint());
}

Reply ServerTest::request(std::string_view method, std::string_view target,
                          std::string_view headers, std::string_view body)
{
    HttpClient client = connect();
    client.send(
        fmt::format("{} {} HTTP/1.1\r\nHost: localhost:9990\r\n{}Content-Length: {}\r\n"
                    "\r\n{}",
                    method, target, headers, body.size(), body));
    return client.read(method == "HEAD");
}

Reply ServerTest::get(std::string_view target, std::string_view headers)
{
    return request("GET", target, headers);
}

Reply ServerTest::post(std::string_view target, std::string_view form)
{
    return request("POST", target, "Content-Type: application/x-www-form-urlencoded\r\n", form);
}

Reply ServerTest::post_json(std::string_view target, std::string_view json)
{
    return request("POST", target, "Content-Type: application/json\r\n", json);
}

}  // namespace peercron::testing
