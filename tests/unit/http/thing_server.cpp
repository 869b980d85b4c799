#include "thing_server.hpp"

#include "http/answer.hpp"

#include <memory>
#include <string_view>
#include <utility>

namespace peercron::testing {
namespace {

/// The rest of a JSON list, in parts of about 64 KiB.
class FurtherThings final : public Chunks {
public:
    explicit FurtherThings(std::vector<std::string> things) : things_(std::move(things)) {}

    asio::awaitable<std::string> next() override
    {
        constexpr std::size_t part_size = 64U * 1024U;
        std::string part;
        while (place_ < things_.size() && part.size() < part_size) {
            part += place_ == 0 ? "[\"" : ",\"";
            part += things_[place_++] + '"';
        }
        if (place_ == things_.size()) {
            part += things_.empty() ? "[]" : "]";
            part += envelope_end;
            is_at_end_ = true;
        }
        co_return part;
    }

    bool is_at_end() const override { return is_at_end_; }

private:
    std::vector<std::string> things_;
    std::size_t place_ = 0;
    bool is_at_end_ = false;
};

asio::awaitable<Response> show_health(const Call& call)
{
    static_cast<void>(call);
    co_return answer([](JsonWriter& json) { json.value("ok"); });
}

Response answer_with(std::string_view thing)
{
    return answer([thing](JsonWriter& json) { json.value(thing); });
}

}  // namespace

ThingServerTest::~ThingServerTest()
{
    stop();
}

Router ThingServerTest::make_router()
{
    Router router(Access(AccessRules{.tokens = tokens_, .trusted_proxies = {"127.0.0.1"}}),
                  explain_);
    router.add(
        {.pattern = "/health", .methods = {http::verb::get}, .role = {}, .handler = show_health});
    router.add({
        .pattern = "/thing/list",
        .methods = {http::verb::get},
        .role = Role::read,
        .handler = [this](const Call& call) { return list(call); },
    });
    router.add({
        .pattern = "/thing/{id}",
        .methods = {http::verb::get},
        .role = Role::read,
        .handler = [this](const Call& call) { return show(call); },
    });
    router.add({
        .pattern = "/thing/paint/{id}",
        .methods = {http::verb::get, http::verb::post},
        .role = Role::operate,
        .mutates = true,
        .handler = [this](const Call& call) { return paint(call); },
    });
    router.add({
        .pattern = "/thing/add",
        .methods = {http::verb::post},
        .role = Role::admin,
        .mutates = true,
        .params = {{.name = "name", .required = true}, {.name = "colour"}},
        .strictness = Strictness::strict,
        .handler = [this](const Call& call) { return add(call); },
    });
    return router;
}

asio::awaitable<Response> ThingServerTest::list(const Call& call)
{
    static_cast<void>(call);
    ++lists_;
    while (is_held_) co_await list_.wait();
    if (failure_) std::rethrow_exception(failure_);
    Response response;
    response.body = envelope_begin;
    auto further = std::make_unique<FurtherThings>(things_);
    response.body += co_await further->next();
    if (!further->is_at_end()) response.chunks = std::move(further);
    co_return response;
}

asio::awaitable<Response> ThingServerTest::show(const Call& call)
{
    co_return answer_with(find(call));
}

asio::awaitable<Response> ThingServerTest::paint(const Call& call)
{
    std::string& thing = find(call);
    thing = call.caller.address;
    co_return answer_with(thing);
}

asio::awaitable<Response> ThingServerTest::add(const Call& call)
{
    things_.push_back(call.params.text("name").value());
    co_return answer_with(things_.back());
}

std::string& ThingServerTest::find(const Call& call)
{
    constexpr std::string_view digits = "0123456789";
    if (call.id.find_first_not_of(digits) != std::string::npos) {
        refuse("id: a whole number is allowed");
    }
    const std::size_t id = std::stoul(call.id);
    if (id == 0 || id > things_.size()) {
        throw HttpError(http::status::not_found, "there is no such thing");
    }
    return things_[id - 1];
}

}  // namespace peercron::testing
