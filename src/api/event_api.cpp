#include "api/change_watch.hpp"
#include "api/routes.hpp"
#include "base/utf8.hpp"
#include "http/stream.hpp"

#include <spdlog/fmt/fmt.h>

#include <memory>
#include <set>
#include <utility>

namespace peercron {
namespace {

constexpr std::string_view reload = R"({"reload":true})";

std::set<Topic> read_topics(const Params& params)
{
    const std::string given = params.text("topics").value_or("run,job,node,health");
    std::set<Topic> topics;
    for (const std::string& word : split_words(given)) {
        const auto topic = parse_topic(word);
        if (!topic) {
            refuse(fmt::format("topics: given {}; run, job, node and health are allowed",
                               quote_utf8(word)));
        }
        topics.insert(*topic);
    }
    return topics;
}

/// Tells one client what has changed.
class ChangeStream final : public EventStream {
public:
    ChangeStream(Streams& streams, const std::shared_ptr<ChangeWatch>& watch,
                 std::set<Topic> topics, bool has_missed, bool is_limited)
        : EventStream(streams),
          watch_(*watch),
          listener_(watch),
          topics_(std::move(topics)),
          told_(watch->looks()),
          has_missed_(has_missed),
          is_limited_(is_limited)
    {}

private:
    asio::awaitable<void> collect(std::string& out, SteadyTime latest) override
    {
        const bool has_news = has_missed_ || watch_.looks() != told_;
        if (!has_news) co_await watch_.changed().wait_until(latest);
        tell(out);
    }

    void tell(std::string& out)
    {
        const std::uint64_t looks = watch_.looks();
        const auto id = static_cast<std::int64_t>(looks);
        if (looks > told_ + 1) has_missed_ = true;
        if (std::exchange(has_missed_, false)) {
            for (const Topic topic : topics_) {
                append_event(out, to_string(topic), reload, id);
            }
        } else if (looks != told_) {
            std::set<Topic> kept_back;
            for (const Change& change : watch_.changes()) {
                if (!topics_.contains(change.topic)) continue;
                const bool names_jobs = change.topic == Topic::run || change.topic == Topic::job;
                if (is_limited_ && names_jobs) {
                    if (!kept_back.insert(change.topic).second) continue;
                    append_event(out, to_string(change.topic), reload, id);
                    continue;
                }
                append_event(out, to_string(change.topic), change.data, id);
            }
        }
        told_ = looks;
    }

    void wake() override { watch_.changed().notify(); }

    ChangeWatch& watch_;
    const ChangeWatch::Listener listener_;
    const std::set<Topic> topics_;
    std::uint64_t told_;  // looks
    bool has_missed_;     // what happened while it was not connected
    // To some jobs: which ones have changed is kept back, because others may be among them.
    const bool is_limited_;
};

asio::awaitable<Response> stream_changes(const ApiContext& context,
                                         const std::shared_ptr<ChangeWatch>& watch,
                                         const Call& call)
{
    const bool was_connected = call.headers.count("Last-Event-ID") > 0;
    auto stream = std::make_unique<ChangeStream>(context.streams, watch, read_topics(call.params),
                                                 was_connected, call.caller.is_limited());
    co_await watch->begun();
    co_return EventStream::answer(std::move(stream));
}

}  // namespace

void add_event_routes(Router& router, const ApiContext& context)
{
    const auto watch = std::make_shared<ChangeWatch>(context);
    router.add({
        .pattern = "/events",
        .methods = {http::verb::get},
        .role = Role::read,
        .scope = Scope::filtered,
        .params = {{.name = "topics", .type = ParamType::words}},
        .handler = [&context,
                    watch](const Call& call) { return stream_changes(context, watch, call); },
    });
}

}  // namespace peercron
