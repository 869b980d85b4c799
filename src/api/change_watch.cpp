#include "api/change_watch.hpp"

#include "api/routes.hpp"
#include "api/rows.hpp"
#include "base/contain.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <exception>
#include <utility>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr auto watch_interval = 1s;

/// While there are more changes than can be told one by one, listeners read their lists again, and
/// that less often.
constexpr auto overload_interval = 5s;

/// Of one topic, that are told one by one.
constexpr std::size_t most_changes = 200;

constexpr std::array<std::string_view, 4> topic_names{"run", "job", "node", "health"};

Change read_all_again(Topic topic)
{
    return {topic, R"({"reload":true})"};
}

template <class Write>
Change change_of(Topic topic, Write write)
{
    Change change;
    change.topic = topic;
    JsonWriter json(change.data);
    json.begin_object();
    write(json);
    json.end_object();
    return change;
}

Change change_of_run(const LogRow& row)
{
    return change_of(Topic::run, [&row](JsonWriter& json) {
        json.field("id", row.id);
        json.field("cron_id", row.run.id.job);
        json.field("state", to_string(row.run.state));
        json.field("attempt", row.run.id.attempt);
        json.field("part", row.run.id.part);
        field_millis(json, "scheduled_at", row.run.id.scheduled_at);
    });
}

Change change_of_job(const ChangedJob& job)
{
    return change_of(Topic::job, [&job](JsonWriter& json) {
        json.field("id", job.id);
        json.field("name", job.name);
        json.field("deleted", job.is_deleted);
    });
}

/// More than can be told becomes one: read all again.
void add(std::vector<Change>& all, Topic topic, std::vector<Change> changes)
{
    if (changes.size() > most_changes) {
        all.push_back(read_all_again(topic));
        return;
    }
    for (Change& change : changes) all.push_back(std::move(change));
}

}  // namespace

std::string_view to_string(Topic topic)
{
    return topic_names.at(static_cast<std::size_t>(topic));
}

std::optional<Topic> parse_topic(std::string_view word)
{
    for (std::size_t i = 0; i < topic_names.size(); ++i) {
        if (topic_names.at(i) == word) return static_cast<Topic>(i);
    }
    return std::nullopt;
}

ChangeWatch::ChangeWatch(const ApiContext& context)
    : context_(context), changed_(context.tasks.executor())
{}

ChangeWatch::Listener::Listener(std::shared_ptr<ChangeWatch> watch) : watch_(std::move(watch))
{
    ++watch_->listeners_;
    if (std::exchange(watch_->is_watching_, true)) return;
    watch_->context_.tasks.spawn("changes", ChangeWatch::watch(watch_));
}

ChangeWatch::Listener::~Listener()
{
    --watch_->listeners_;
}

asio::awaitable<void> ChangeWatch::watch(std::shared_ptr<ChangeWatch> self)
{
    struct Watching {
        ChangeWatch& watch;
        ~Watching()
        {
            watch.is_watching_ = false;
            watch.has_looked_ = false;
            watch.changed_.notify();
        }
    };
    const Watching watching{*self};
    self->runs_ = RunWatch();
    while (self->listeners_ > 0) {
        co_await contain("events", self->look());
        const bool is_overloaded = !self->runs_.watermark();
        const std::chrono::seconds pause = is_overloaded ? overload_interval : watch_interval;
        co_await sleep_for(pause);
    }
}

asio::awaitable<void> ChangeWatch::begun()
{
    while (is_watching_ && !has_looked_) co_await changed_.wait();
}

asio::awaitable<void> ChangeWatch::look()
{
    std::vector<Change> changes;
    look_at_jobs(changes);
    look_at_nodes(changes);
    look_at_health(changes);
    co_await look_at_runs(changes);
    const bool is_first = !std::exchange(has_looked_, true);
    if (!is_first && !changes.empty()) {
        changes_ = std::move(changes);
        ++looks_;
    }
    changed_.notify();
}

asio::awaitable<void> ChangeWatch::look_at_runs(std::vector<Change>& changes)
{
    const auto read = [watermark = runs_.watermark(), open = runs_.open()](Store& store) {
        return read_run_news(store, watermark, open);
    };
    std::optional<RunNews> news;
    try {
        news = co_await context_.store.call(read);
    } catch (const StoreError& error) {
        // The next look finds what this one would have found. That the store is away, /health says.
        spdlog::debug("events: {}", error.what());
    }
    if (!news || !has_looked_) {
        if (news) runs_.take(std::move(*news));
        co_return;
    }
    // It could not begin at the first look: what has changed since then is not known.
    const bool begins_late = news->is_beginning;
    const auto rows = runs_.take(std::move(*news));
    if (!rows || begins_late) {
        changes.push_back(read_all_again(Topic::run));
        co_return;
    }
    std::vector<Change> told;
    for (const LogRow& row : *rows) told.push_back(change_of_run(row));
    add(changes, Topic::run, std::move(told));
}

void ChangeWatch::look_at_jobs(std::vector<Change>& changes)
{
    const JobNews news = context_.job_news(jobs_through_);
    jobs_through_ = news.through;
    if (!has_looked_) return;
    if (!news.jobs) {
        changes.push_back(read_all_again(Topic::job));
        return;
    }
    std::vector<Change> told;
    for (const ChangedJob& job : *news.jobs) told.push_back(change_of_job(job));
    add(changes, Topic::job, std::move(told));
}

void ChangeWatch::look_at_nodes(std::vector<Change>& changes)
{
    Rows rows = node_news(context_);
    std::vector<Change> told;
    for (const auto& [name, row] : rows) {
        const auto known = nodes_.find(name);
        if (known == nodes_.end() || known->second != row) told.push_back({Topic::node, row});
        if (known != nodes_.end()) nodes_.erase(known);
    }
    for (const auto& gone : nodes_) {
        told.push_back(change_of(Topic::node, [&gone](JsonWriter& json) {
            json.field("name", gone.first);
            json.field("gone", true);
        }));
    }
    nodes_ = std::move(rows);
    if (has_looked_) add(changes, Topic::node, std::move(told));
}

void ChangeWatch::look_at_health(std::vector<Change>& changes)
{
    std::string health;
    JsonWriter json(health);
    write_health(json, context_);
    if (health == health_) return;
    if (has_looked_) changes.push_back({Topic::health, health});
    health_ = std::move(health);
}

}  // namespace peercron
