#include "node/own_api.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cstddef>
#include <random>
#include <utility>
#include <variant>

namespace peercron {
namespace {

constexpr unsigned http_1_1 = 11;

/// What nobody else can show.
std::string random_secret()
{
    constexpr int words = 4;
    std::random_device device;
    std::string secret;
    for (int i = 0; i < words; ++i) secret += fmt::format("{:08x}", device());
    return secret;
}

Request request_of(http::verb method, const std::string& target, const std::string& token)
{
    Request request;
    request.message = {method, target, http_1_1};
    request.message.set(http::field::host, "localhost");
    request.message.set(http::field::authorization, "Bearer " + token);
    request.peer = asio::ip::address_v4::loopback();
    return request;
}

}  // namespace

OwnApi::OwnApi(Router api, std::string caller) : api_(std::move(api)), token_(random_secret())
{
    AccessRules rules;
    rules.tokens = {{std::move(caller), token_, Role::owner}};
    api_.admit_by(rules);
}

asio::awaitable<boost::json::value> OwnApi::get(std::string target)
{
    Request request = request_of(http::verb::get, target, token_);
    co_return co_await call(std::move(request));
}

asio::awaitable<boost::json::value> OwnApi::post(std::string target, boost::json::object parameters)
{
    Request request = request_of(http::verb::post, target, token_);
    request.message.set(http::field::content_type, "application/json");
    request.message.body() = boost::json::serialize(parameters);
    co_return co_await call(std::move(request));
}

asio::awaitable<boost::json::value> OwnApi::call(Request request)
{
    auto admitted = co_await api_.admit(request);
    Response response;
    if (auto* const refusal = std::get_if<Response>(&admitted)) {
        response = std::move(*refusal);
    } else {
        auto& admission = std::get<Router::Admission>(admitted);
        response = co_await api_.handle(request, std::move(admission));
    }
    std::string body = std::move(response.body);
    while (response.chunks && !response.chunks->is_at_end()) {
        const std::string part = co_await response.chunks->next();
        body += part;
    }
    boost::json::object answer = boost::json::parse(body).as_object();
    if (response.status != http::status::ok) {
        throw HttpError(response.status, std::string(answer.at("message").as_string()));
    }
    co_return std::move(answer.at("data"));
}

}  // namespace peercron
