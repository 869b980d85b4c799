#pragma once

#include "base/event.hpp"
#include "exec/run_book.hpp"
#include "exec/runs.hpp"
#include "simulation/judge.hpp"
#include "simulation/world.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <vector>

namespace peercron::simulation {

class Process;

/// What commands begin with that fail by a rule of the seed.
inline constexpr std::string_view flaky = "flaky";

/// A command that runs: a child of a node's process, which dies with it.
struct Child {
    Execution execution;
    bool alive = true;
    bool is_ours = true;  ///< its node's process lives
    std::function<void()> on_end;
    Planned natural_end;
    Planned signal_end;
    bool ignores_term = false;
};

/// The process of a command is gone; `killed`: not by itself.
void end_child(World& world, Judge& judge, const std::shared_ptr<Child>& child, bool killed);

/// Carries the RunBook out, as exec/executor.cpp.
class Executor final : public Runs {
public:
    Executor(Process& process, const asio::any_io_executor& executor,
             std::function<void(const RunReport&)> on_report);
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;
    ~Executor() override;

    std::vector<RunId> accept(RunOrders orders) override;
    void revoke(const std::vector<RunId>& runs, RevocationsUnderWay::Answer answer) override;
    bool kill(const RunId& run, Reason why) override;
    bool dispatcher_heard(Epoch epoch) override;
    std::uint64_t stops() override;
    void stops_known(std::uint64_t stops) override;
    Epoch newest_epoch() const override { return book_.newest_epoch(); }
    std::vector<RunOrder> held() const override { return book_.held_orders(); }
    std::vector<RunReport> running() const override;
    std::vector<RunOrder> started() const override;
    NodeLoad load() const override;

    void begin() { look(); }
    void session_confirmed(World::Time sent);
    asio::awaitable<bool> drain(World::Time deadline);
    bool idle() const { return live_.empty() && book_.held() == 0 && book_.waiting() == 0; }

private:
    struct Live {
        RunOrder order;
        RunReport report;
        std::shared_ptr<Child> child;
        Moment decided;
        World::Time lease_end{};
        Planned next;
        bool is_condemned = false;
        bool is_forced = false;
    };

    asio::awaitable<bool> wait_until_idle(World::Time deadline);
    void look();
    void look_soon();
    void renew_guard();
    World::Time next_look(const Moment& now) const;
    void carry_out(RunBook::Actions actions);
    void spawn(Live& live);
    void terminate(Live& live);
    void force(Live& live);
    void child_ended(Live& live);
    void finish(const RunId& id);
    RunReport blank_report(const RunOrder& order) const;

    Process& process_;
    std::function<void(const RunReport&)> on_report_;
    RunBook book_;
    std::map<RunId, std::unique_ptr<Live>> live_;
    std::map<RunId, RunOrder> kept_in_secret_;  ///< Mutation::revokes_in_words
    Event run_ended_;
    Planned look_;
    World::Time guarded_until_{};
    Planned guard_;  ///< the warden's
};

}  // namespace peercron::simulation
