#pragma once

#include "api/api.hpp"
#include "api/run_watch.hpp"
#include "base/event.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What somebody may want to hear about.
enum class Topic : std::uint8_t { run, job, node, health };

std::string_view to_string(Topic topic);
std::optional<Topic> parse_topic(std::string_view word);

/// Something has changed.
struct Change {
    Topic topic = Topic::run;
    std::string data;  ///< JSON, as /openapi.json describes it for /events
};

/// Finds out once a second what has changed: the ledger's rows, the jobs, the nodes, and how this
/// node is. All that listen share one look, and without any there is none.
///
/// Nothing is kept but the newest look: who did not come for it in time has to read everything.
/// Lives on the I/O thread, and in the task group of the context until the last listener has left.
class ChangeWatch : public std::enable_shared_from_this<ChangeWatch> {
public:
    explicit ChangeWatch(const ApiContext& context);

    /// While there is one, there are looks.
    class Listener {
    public:
        explicit Listener(std::shared_ptr<ChangeWatch> watch);
        Listener(const Listener&) = delete;
        Listener& operator=(const Listener&) = delete;
        ~Listener();

    private:
        std::shared_ptr<ChangeWatch> watch_;
    };

    /// Completes when it is known how things are: what changes from then on, a listener hears.
    asio::awaitable<void> begun();

    /// Notified after each look.
    Event& changed() { return changed_; }

    /// How many looks have found something, and what the last one did.
    std::uint64_t looks() const { return looks_; }
    const std::vector<Change>& changes() const { return changes_; }

private:
    using Rows = std::map<std::string, std::string>;  // JSON by key

    static asio::awaitable<void> watch(std::shared_ptr<ChangeWatch> self);
    asio::awaitable<void> look();
    asio::awaitable<void> look_at_runs(std::vector<Change>& changes);
    void look_at_jobs(std::vector<Change>& changes);
    void look_at_nodes(std::vector<Change>& changes);
    void look_at_health(std::vector<Change>& changes);

    const ApiContext& context_;
    std::size_t listeners_ = 0;
    bool is_watching_ = false;
    bool has_looked_ = false;  // since there are listeners; the first look learns how things are
    RunWatch runs_;
    std::uint64_t jobs_through_ = 0;
    Rows nodes_;
    std::string health_;
    Event changed_;
    std::uint64_t looks_ = 0;
    std::vector<Change> changes_;
};

}  // namespace peercron
