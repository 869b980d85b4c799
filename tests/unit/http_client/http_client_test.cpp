#include "http_client/http_client.hpp"

#include "run_coroutine.hpp"
#include "unit/http_client/raw_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <optional>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ok;
using testing::RawServer;
using ::testing::StartsWith;
using End = HttpAnswer::End;

HttpRequest get(const std::string& url)
{
    HttpRequest request;
    request.url = url;
    return request;
}

/// A client and a server that answers as `answer` says; `test` gets both. The context must come to
/// its end afterwards.
class HttpClientTest : public ::testing::Test {
protected:
    using Test = std::function<asio::awaitable<void>(HttpClient&, RawServer&)>;

    void run(RawServer::Answer answer, Test test, HttpClientSettings settings = {})
    {
        server_.emplace(io_.get_executor(), std::move(answer));
        client_.emplace(io_.get_executor(), std::move(settings));
        testing::run(io_, go(*this, std::move(test)));
        client_.reset();
        server_.reset();
    }

    static asio::awaitable<void> go(HttpClientTest& self, Test test)
    {
        co_await test(*self.client_, *self.server_);
        self.client_->close();
        self.server_->stop();
    }

    /// One request, and what became of it.
    HttpAnswer ask(RawServer::Answer answer, HttpRequest request = {},
                   HttpClientSettings settings = {})
    {
        HttpAnswer result;
        run(
            std::move(answer),
            [&](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
                if (request.url.empty()) request.url = server.url();
                if (request.url.front() == '/') request.url = server.url(request.url);
                result = co_await client.request(request);
                requests_ = server.requests;
            },
            std::move(settings));
        return result;
    }

    asio::awaitable<void> until(const std::function<bool()>& condition)
    {
        asio::steady_timer moment(io_);
        for (int i = 0; i < 60'000 && !condition(); ++i) {
            moment.expires_after(1ms);
            co_await moment.async_wait(asio::use_awaitable);
        }
        EXPECT_TRUE(condition());
    }

    /// Lets the context do what there is to do now. False: that has no end, as of a socket that is
    /// always ready.
    bool comes_to_rest()
    {
        constexpr int plenty = 1'000;
        int done = 0;
        while (done < plenty && io_.poll_one() > 0) ++done;
        return done < plenty;
    }

    /// One connection is idle and ends, while the client waits for an answer on another one, and
    /// so listens to both.
    void lose_an_idle_connection(RawServer::Close how)
    {
        const auto answer = [](const std::string& asked) {
            return RawServer::Reply{asked.starts_with("GET ") ? ok("x") : ""};
        };
        run(answer, [this, how](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            co_await client.request(get(server.url()));
            HttpRequest post = get(server.url());
            post.method = "POST";
            asio::cancellation_signal stop;
            bool is_over = false;
            asio::co_spawn(io_, client.request(post),
                           asio::bind_cancellation_slot(
                               stop.slot(), [&](const std::exception_ptr&, const HttpAnswer&) {
                                   is_over = true;
                               }));
            const auto has_both = [&] { return server.requests.size() == 2; };
            co_await until(has_both);
            EXPECT_TRUE(comes_to_rest());
            server.close_oldest(how);
            EXPECT_TRUE(comes_to_rest());
            const HttpAnswer next = co_await client.request(get(server.url()));
            EXPECT_EQ(next.end, End::whole) << next.failure;
            EXPECT_FALSE(next.is_reused);
            EXPECT_EQ(server.connections, 3U);
            stop.emit(asio::cancellation_type::terminal);
            const auto has_ended = [&] { return is_over; };
            co_await until(has_ended);
        });
    }

    asio::io_context io_;
    std::optional<RawServer> server_;
    std::optional<HttpClient> client_;
    std::vector<std::string> requests_;
};

TEST_F(HttpClientTest, an_answer_comes_with_its_status_its_headers_and_its_body)
{
    const HttpAnswer answer = ask([](auto&) { return RawServer::Reply{ok("fine", "X-A: b\r\n")}; });

    EXPECT_EQ(answer.end, End::whole) << answer.failure;
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers, "HTTP/1.1 200 OK\nContent-Length: 4\nX-A: b\n");
    EXPECT_EQ(answer.body, "fine");
    EXPECT_EQ(answer.body_bytes, 4);
    EXPECT_EQ(answer.version, "HTTP/1.1");
    EXPECT_THAT(answer.peer, StartsWith("127.0.0.1:"));
    EXPECT_GT(answer.times.total.count(), 0);
}

TEST_F(HttpClientTest, method_headers_and_body_are_sent_as_they_were_given)
{
    HttpRequest request;
    request.method = "PUT";
    request.headers = {"X-One: 1", "X-Empty:", "Content-Type: text/x"};
    request.body = "a\0b";
    request.body.push_back('\0');
    ask([](auto&) { return RawServer::Reply{ok("")}; }, request);

    ASSERT_EQ(requests_.size(), 1U);
    EXPECT_THAT(requests_[0], StartsWith("PUT / HTTP/1.1\r\n"));
    EXPECT_THAT(requests_[0], AllOf(HasSubstr("\r\nX-One: 1\r\n"), HasSubstr("\r\nX-Empty:"),
                                    HasSubstr("\r\nContent-Type: text/x\r\n"),
                                    HasSubstr("\r\nContent-Length: 2\r\n"),
                                    EndsWith(std::string("\r\n\r\na\0", 6))));
}

TEST_F(HttpClientTest, a_body_gets_no_type_that_nobody_named)
{
    HttpRequest request;
    request.method = "POST";
    request.body = "{}";
    ask([](auto&) { return RawServer::Reply{ok("")}; }, request);

    ASSERT_EQ(requests_.size(), 1U);
    EXPECT_THAT(requests_[0], Not(HasSubstr("Content-Type")));
    EXPECT_THAT(requests_[0], Not(HasSubstr("Expect")));
}

TEST_F(HttpClientTest, a_connection_is_used_again)
{
    run([](auto&) { return RawServer::Reply{ok("x")}; },
        [](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            const HttpAnswer first = co_await client.request(get(server.url()));
            const HttpAnswer second = co_await client.request(get(server.url()));
            EXPECT_FALSE(first.is_reused);
            EXPECT_TRUE(second.is_reused);
            EXPECT_EQ(second.times.connect.count(), 0);
            EXPECT_EQ(server.connections, 1U);
        });
}

TEST_F(HttpClientTest, nothing_of_a_request_is_left_for_the_next_one)
{
    run([](auto&) { return RawServer::Reply{ok("")}; },
        [](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            HttpRequest first = get(server.url("/first"));
            first.method = "PUT";
            first.headers = {"X-One: 1", "Content-Type: text/x", "Authorization: Bearer s3cret"};
            first.body = "body";
            first.timeout = 10s;
            HttpRequest head = get(server.url("/second"));
            head.method = "HEAD";
            HttpRequest other = get(server.url("/fourth"));
            other.method = "OPTIONS";
            co_await client.request(first);
            co_await client.request(head);
            co_await client.request(get(server.url("/third")));
            co_await client.request(other);
            co_await client.request(get(server.url("/fifth")));
            EXPECT_EQ(server.connections, 1U);
            EXPECT_THAT(server.requests.at(0), StartsWith("PUT /first "));
            EXPECT_THAT(server.requests.at(1), StartsWith("HEAD /second "));
            EXPECT_THAT(server.requests.at(2), StartsWith("GET /third "));
            EXPECT_THAT(server.requests.at(3), StartsWith("OPTIONS /fourth "));
            EXPECT_THAT(server.requests.at(4), StartsWith("GET /fifth "));
            for (std::size_t i = 1; i < server.requests.size(); ++i) {
                EXPECT_THAT(server.requests[i],
                            AllOf(Not(HasSubstr("X-One")), Not(HasSubstr("Content-")),
                                  Not(HasSubstr("s3cret")), EndsWith("\r\n\r\n")));
            }
        });
}

TEST_F(HttpClientTest, an_open_connection_that_ends_costs_no_request_however_often_it_happens)
{
    // On its second request each connection ends without an answer.
    std::size_t asked = 0;
    run(
        [&asked](auto&) {
            return ++asked % 2 == 1 ? RawServer::Reply{ok("x")} : RawServer::Reply{"", true};
        },
        [](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            constexpr std::size_t many = 20;  // libcurl gives up after five
            for (std::size_t i = 0; i < many; ++i) {
                const HttpAnswer answer = co_await client.request(get(server.url()));
                EXPECT_EQ(answer.end, End::whole) << answer.failure;
            }
            EXPECT_EQ(server.connections, many);
        });
}

TEST_F(HttpClientTest, a_connection_that_ends_while_it_is_idle_wakes_nobody_and_is_not_used_again)
{
    lose_an_idle_connection(RawServer::Close::ends);
}

TEST_F(HttpClientTest, neither_does_one_that_is_reset_then)
{
    lose_an_idle_connection(RawServer::Close::resets);
}

TEST_F(HttpClientTest, a_post_is_never_sent_twice_by_itself)
{
    // On its second request each connection ends without an answer: libcurl would try again.
    std::size_t asked = 0;
    run(
        [&asked](auto&) {
            return ++asked == 1 ? RawServer::Reply{ok("x")} : RawServer::Reply{"", true};
        },
        [](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            co_await client.request(get(server.url()));
            HttpRequest post = get(server.url());
            post.method = "POST";
            const HttpAnswer answer = co_await client.request(post);
            EXPECT_EQ(answer.end, End::failed);
            EXPECT_THAT(answer.failure, EndsWith("closed the connection without an answer"));
            EXPECT_EQ(server.requests.size(), 2U);
        });
}

TEST_F(HttpClientTest, a_refused_connection_names_the_address)
{
    unsigned short port = 0;
    {
        asio::io_context elsewhere;  // what it waits for goes with it
        RawServer gone(elsewhere.get_executor(), [](auto&) { return RawServer::Reply{}; });
        port = gone.port();
    }
    const std::string where = "127.0.0.1:" + std::to_string(port);
    const HttpAnswer answer = ask([](auto&) { return RawServer::Reply{}; }, get("http://" + where));

    EXPECT_EQ(answer.end, End::failed);
    EXPECT_EQ(answer.failure, "connection refused by " + where);
    EXPECT_EQ(answer.status, 0);
}

TEST_F(HttpClientTest, no_answer_in_time_says_from_whom)
{
    HttpRequest request;
    request.timeout = 100ms;
    const HttpAnswer answer = ask([](auto&) { return RawServer::Reply{}; }, request);

    EXPECT_THAT(answer.failure,
                AllOf(StartsWith("no answer from 127.0.0.1:"), EndsWith("within 0.1 s")));
}

TEST_F(HttpClientTest, an_answer_that_does_not_end_says_how_much_has_come)
{
    HttpRequest request;
    request.timeout = 100ms;
    const HttpAnswer answer = ask(
        [](auto&) { return RawServer::Reply{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"}; },
        request);

    EXPECT_EQ(answer.end, End::failed);
    EXPECT_EQ(answer.status, 200) << "that much is known";
    EXPECT_THAT(answer.failure,
                EndsWith("was not complete within 0.1 s: 3 bytes of its body had come"));
}

TEST_F(HttpClientTest, a_server_that_closes_in_the_middle_is_named)
{
    const HttpAnswer answer = ask([](auto&) {
        return RawServer::Reply{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true};
    });

    EXPECT_EQ(answer.end, End::failed);
    EXPECT_THAT(
        answer.failure,
        EndsWith("closed the connection in the middle of the answer, after 3 bytes of its body"));
}

TEST_F(HttpClientTest, what_is_not_http_is_called_so)
{
    const HttpAnswer answer = ask([](auto&) { return RawServer::Reply{"SSH-2.0-x\r\n", true}; });

    EXPECT_THAT(answer.failure, HasSubstr("does not speak HTTP"));
}

TEST_F(HttpClientTest, a_body_that_is_too_long_ends_the_transfer)
{
    HttpRequest request;
    request.max_body = 10;
    const HttpAnswer answer =
        ask([](auto&) { return RawServer::Reply{ok(std::string(11, 'x'))}; }, request);

    EXPECT_EQ(answer.end, End::failed);
    EXPECT_EQ(answer.failure, "the body of the answer is longer than 10 bytes");
    EXPECT_TRUE(answer.is_cut);
    EXPECT_EQ(answer.body.size(), 10);
}

TEST_F(HttpClientTest, headers_that_are_too_long_end_the_transfer)
{
    HttpRequest request;
    request.max_headers = 1000;
    const HttpAnswer answer =
        ask([](auto&) { return RawServer::Reply{ok("", "X: " + std::string(1000, 'x') + "\r\n")}; },
            request);

    EXPECT_EQ(answer.failure, "the headers of the answer are longer than 1000 bytes");
}

RawServer::Reply redirect(const std::string& to, int status = 302)
{
    return {"HTTP/1.1 " + std::to_string(status) + " Moved\r\nLocation: " + to +
            "\r\nContent-Length: 5\r\n\r\nmoved"};
}

TEST_F(HttpClientTest, a_redirect_is_followed)
{
    HttpRequest request;
    request.url = "/a";
    request.method = "POST";
    request.body = "x";
    const HttpAnswer answer = ask(
        [](const std::string& asked) {
            return asked.starts_with("POST /a ") ? redirect("/b") : RawServer::Reply{ok("here")};
        },
        request);

    EXPECT_EQ(answer.end, End::whole) << answer.failure;
    EXPECT_EQ(answer.body, "here") << "that of the redirect is not the answer's";
    EXPECT_EQ(answer.redirects, 1);
    EXPECT_THAT(answer.url, EndsWith("/b"));
    ASSERT_EQ(requests_.size(), 2U);
    EXPECT_THAT(requests_[1], AllOf(StartsWith("GET /b "), EndsWith("\r\n\r\n")));
}

TEST_F(HttpClientTest, a_redirect_that_keeps_the_method_keeps_the_body)
{
    HttpRequest request;
    request.url = "/a";
    request.method = "POST";
    request.body = "x";
    ask(
        [](const std::string& asked) {
            return asked.starts_with("POST /a ") ? redirect("/b", 307) : RawServer::Reply{ok("")};
        },
        request);

    ASSERT_EQ(requests_.size(), 2U);
    EXPECT_THAT(requests_[1], AllOf(StartsWith("POST /b "), EndsWith("\r\n\r\nx")));
}

TEST_F(HttpClientTest, without_redirects_the_redirect_is_the_answer)
{
    HttpRequest request;
    request.redirects = 0;
    const HttpAnswer answer = ask([](auto&) { return redirect("/b"); }, request);

    EXPECT_EQ(answer.end, End::whole);
    EXPECT_EQ(answer.status, 302);
    EXPECT_EQ(answer.body, "moved");
}

TEST_F(HttpClientTest, redirects_in_a_circle_end)
{
    HttpRequest request;
    request.redirects = 3;
    const HttpAnswer answer = ask([](auto&) { return redirect("/again"); }, request);

    EXPECT_EQ(answer.end, End::failed);
    EXPECT_THAT(answer.failure, StartsWith("more than 3 redirects, the last to \"http://127"));
    EXPECT_EQ(requests_.size(), 4U);
}

TEST_F(HttpClientTest, a_redirect_to_a_file_is_not_followed)
{
    const HttpAnswer answer = ask([](auto&) { return redirect("file:///etc/passwd"); });

    EXPECT_EQ(answer.end, End::failed);
    EXPECT_EQ(answer.failure,
              "redirected, but the URL \"file:///etc/passwd\" is neither of http nor of https");
}

TEST_F(HttpClientTest, link_local_addresses_are_refused_however_they_are_written)
{
    for (const std::string url :
         {"http://169.254.169.254/latest", "http://0xa9fea9fe/", "http://[::ffff:169.254.169.254]/",
          "http://[fe80::1]/", "http://2852039166/"}) {
        io_.restart();
        const HttpAnswer answer = ask([&url](auto&) { return redirect(url); });
        EXPECT_EQ(answer.end, End::failed);
        EXPECT_THAT(answer.failure, AllOf(StartsWith("connections to "),
                                          EndsWith("are forbidden ([http_client] deny)")))
            << url;
    }
}

TEST_F(HttpClientTest, a_name_that_leads_to_a_forbidden_address_is_refused)
{
    HttpClientSettings settings;
    settings.lookups.look_up = [](auto&) { return Addresses{"169.254.169.254"}; };
    const HttpAnswer answer =
        ask([](auto&) { return RawServer::Reply{}; }, get("http://innocent.example/"), settings);

    EXPECT_EQ(
        answer.failure,
        "connections to innocent.example (169.254.169.254) are forbidden ([http_client] deny)");
}

TEST_F(HttpClientTest, secrets_do_not_go_to_another_server)
{
    RawServer other(io_.get_executor(), [](auto&) { return RawServer::Reply{ok("")}; });
    HttpRequest request;
    request.headers = {"Authorization: Bearer s3cret", "Cookie: a=b", "X-Mine: 1"};
    run([&](auto&) { return redirect(other.url()); },
        [&](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            request.url = server.url();
            co_await client.request(request);
            EXPECT_THAT(server.requests.at(0), HasSubstr("s3cret"));
            EXPECT_THAT(
                other.requests.at(0),
                AllOf(Not(HasSubstr("s3cret")), Not(HasSubstr("Cookie")), HasSubstr("X-Mine: 1")));
            other.stop();
        });
}

TEST_F(HttpClientTest, a_proxy_is_asked_only_where_it_is_configured)
{
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    const HttpAnswer direct = ask([](auto&) { return RawServer::Reply{ok("direct")}; });
    ::unsetenv("http_proxy");
    EXPECT_EQ(direct.body, "direct") << direct.failure;

    io_.restart();
    RawServer proxy(io_.get_executor(), [](auto&) { return RawServer::Reply{ok("by proxy")}; });
    HttpClientSettings settings;
    settings.proxy = proxy.url("");
    settings.proxy_login = "me:secret";
    settings.no_proxy = {"127.0.0.1"};
    // The proxy looks the name up, not this machine.
    settings.lookups.look_up = [](auto&) { return Error{"nobody may ask"}; };
    run([](auto&) { return RawServer::Reply{ok("direct")}; },
        [&](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            const HttpAnswer by_proxy = co_await client.request(get("http://far.example/x"));
            EXPECT_EQ(by_proxy.body, "by proxy") << by_proxy.failure;
            EXPECT_THAT(proxy.requests.at(0), AllOf(StartsWith("GET http://far.example/x "),
                                                    HasSubstr("Proxy-Authorization: Basic ")));
            const HttpAnswer around = co_await client.request(get(server.url()));
            EXPECT_EQ(around.body, "direct") << around.failure;
            proxy.stop();
        },
        settings);
}

TEST(NoProxy, names_cover_what_is_below_them_and_networks_their_addresses)
{
    const std::vector<std::string> rules{"example.com", ".corp", "10.0.0.0/8"};
    EXPECT_TRUE(bypasses_proxy("example.com", rules));
    EXPECT_TRUE(bypasses_proxy("WWW.Example.COM", rules));
    EXPECT_FALSE(bypasses_proxy("badexample.com", rules));
    EXPECT_TRUE(bypasses_proxy("a.corp", rules));
    EXPECT_TRUE(bypasses_proxy("10.1.2.3", rules));
    EXPECT_FALSE(bypasses_proxy("11.1.2.3", rules));
    EXPECT_TRUE(bypasses_proxy("anything", {"*"}));
}

TEST_F(HttpClientTest, a_name_that_does_not_exist_is_named)
{
    HttpClientSettings settings;
    settings.lookups.look_up = [](auto&) { return Error{"Name or service not known"}; };
    const HttpAnswer answer =
        ask([](auto&) { return RawServer::Reply{}; }, get("http://nowhere.example/"), settings);

    EXPECT_EQ(answer.failure, "could not resolve host nowhere.example: Name or service not known");
}

TEST_F(HttpClientTest, a_dns_server_that_hangs_holds_up_nobody_else)
{
    std::promise<void> let_go;
    const std::shared_future<void> hanging = let_go.get_future().share();
    HttpClientSettings settings;
    settings.lookups.look_up = [hanging](const std::string& host) -> Result<Addresses> {
        if (host == "hangs.example") hanging.wait();
        return Addresses{"127.0.0.1"};
    };
    run([](auto&) { return RawServer::Reply{ok("x")}; },
        [&](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            HttpRequest stuck = get("http://hangs.example/");
            stuck.connect_timeout = 100ms;
            bool is_over = false;
            asio::co_spawn(io_, client.request(stuck), [&](std::exception_ptr, HttpAnswer answer) {
                EXPECT_EQ(
                    answer.failure,
                    "could not resolve host hangs.example: no DNS server has answered in time");
                is_over = true;
            });
            const std::string url = "http://fine.example:" + std::to_string(server.port());
            const HttpAnswer answer = co_await client.request(get(url));
            // The name is still being looked up: nobody lets go of it before the end.
            EXPECT_EQ(answer.body, "x") << answer.failure;
            while (!is_over) {
                asio::steady_timer moment(io_, 5ms);
                co_await moment.async_wait(asio::use_awaitable);
            }
        },
        settings);
    let_go.set_value();
}

TEST_F(HttpClientTest, one_lookup_serves_all_who_want_the_same_host)
{
    auto lookups = std::make_shared<std::atomic<int>>(0);
    HttpClientSettings settings;
    settings.lookups.look_up = [lookups](auto&) {
        ++*lookups;
        return Addresses{"127.0.0.1"};
    };
    run([](auto&) { return RawServer::Reply{ok("x")}; },
        [&](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            const std::string url = "http://many.example:" + std::to_string(server.port());
            int left = 50;
            for (int i = 0; i < 50; ++i) {
                asio::co_spawn(io_, client.request(get(url)), [&](auto, const HttpAnswer& answer) {
                    EXPECT_EQ(answer.status, 200) << answer.failure;
                    --left;
                });
            }
            while (left > 0) {
                asio::steady_timer moment(io_, 5ms);
                co_await moment.async_wait(asio::use_awaitable);
            }
            EXPECT_EQ(*lookups, 1);
        },
        settings);
}

TEST_F(HttpClientTest, a_request_that_is_cancelled_closes_its_connection)
{
    run([](auto&) { return RawServer::Reply{}; },
        [&](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            asio::cancellation_signal stop;
            bool is_over = false;
            asio::co_spawn(io_, client.request(get(server.url())),
                           asio::bind_cancellation_slot(
                               stop.slot(), [&](const std::exception_ptr& error, HttpAnswer) {
                                   EXPECT_TRUE(error);
                                   is_over = true;
                               }));
            while (server.requests.empty()) {
                asio::steady_timer moment(io_, 1ms);
                co_await moment.async_wait(asio::use_awaitable);
            }
            stop.emit(asio::cancellation_type::terminal);
            asio::steady_timer moment(io_, 20ms);
            co_await moment.async_wait(asio::use_awaitable);
            EXPECT_TRUE(is_over);
        });
}

TEST_F(HttpClientTest, what_may_not_be_sent_any_more_is_not)
{
    HttpRequest request;
    request.may_send = [] { return false; };
    const HttpAnswer answer = ask([](auto&) { return RawServer::Reply{ok("")}; }, request);

    EXPECT_EQ(answer.end, End::not_sent);
    EXPECT_THAT(requests_, ::testing::IsEmpty());
}

TEST_F(HttpClientTest, three_hundred_at_once_all_get_their_answers)
{
    run([](auto&) { return RawServer::Reply{ok("x")}; },
        [&](HttpClient& client, RawServer& server) -> asio::awaitable<void> {
            int left = 300;
            for (int i = 0; i < 300; ++i) {
                asio::co_spawn(io_, client.request(get(server.url())),
                               [&](auto, const HttpAnswer& answer) {
                                   EXPECT_EQ(answer.body, "x") << answer.failure;
                                   --left;
                               });
            }
            while (left > 0) {
                asio::steady_timer moment(io_, 5ms);
                co_await moment.async_wait(asio::use_awaitable);
            }
        });
}

}  // namespace
}  // namespace peercron
