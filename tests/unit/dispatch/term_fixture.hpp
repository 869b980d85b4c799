#pragma once

#include "dispatch/term_rules.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace peercron {

using namespace std::chrono_literals;

// 2026-11-21T00:00:00Z: a whole minute.
inline constexpr WallTime midnight = from_unix_millis(1'795'219'200'000);

inline const NodeName alpha = "127.0.0.1:9991";
inline const NodeName beta = "127.0.0.1:9993";

inline Job every_second(JobId id)
{
    Job job;
    job.id = id;
    job.cron_set = "* * * * * *";
    job.command = "true";
    return job;
}

/// Drives the rules as the Dispatcher does, with a clock of its own.
class TermTest : public ::testing::Test {
protected:
    void SetUp() override { at(0ms); }

    void at(std::chrono::milliseconds after_midnight)
    {
        now_.wall = midnight + after_midnight;
        now_.steady = SteadyTime(1h) + after_midnight;
    }

    void add(const Job& job) { jobs_.put(job, now_.wall); }

    TermRules& begin(const TermStart& found)
    {
        term_.emplace(7, alpha, settings_, jobs_, now_);
        changed_ = term_->begin(found, now_);
        return *term_;
    }
    TermRules& begin()
    {
        TermStart found;
        found.planned_through = now_.wall;
        return begin(found);
    }

    void connect(const NodeName& node, Account account = {}, std::uint64_t incarnation = 1)
    {
        account.node = node;
        account.incarnation = incarnation;
        if (account.slots == 0) account.slots = 100;
        if (account.uptime == 0ms) account.uptime = 1h;
        term_->connected(node, account, now_);
        hear(node, account.slots, account.draining);
    }

    /// The node gives a sign of life.
    void hear(const NodeName& node, std::uint32_t slots = 100, bool draining = false)
    {
        NodeBeat beat;
        beat.echo = beat.sent_at = now_.wall;
        beat.load.slots = slots;
        beat.load.draining = draining;
        term_->beat(node, beat, now_);
    }

    /// Goes on with these nodes connected.
    void pass_to(std::chrono::milliseconds after_midnight,
                 std::initializer_list<NodeName> nodes = {alpha})
    {
        at(after_midnight);
        for (const NodeName& node : nodes) hear(node);
    }

    /// The warden of the node's process says when that died.
    void died(const NodeName& node, WallTime died_at, std::uint64_t incarnation = 1)
    {
        const SteadyTime at = now_.steady - (now_.wall - died_at);
        term_->died(node, Death{incarnation, at - 1h, at}, now_);
    }

    /// One step, committed; what was handed out is in orders_.
    PlanStep step()
    {
        PlanStep step = term_->step(now_);
        orders_.clear();
        revokes_.clear();
        for (const Outgoing& outgoing : term_->messages(now_)) {
            if (const auto* batch = std::get_if<RunOrders>(&outgoing.message)) {
                for (const RunOrder& order : batch->orders) {
                    orders_.emplace_back(outgoing.node, order);
                }
            }
            if (const auto* revoke = std::get_if<Revoke>(&outgoing.message)) {
                for (const RunId& id : revoke->runs) revokes_.emplace_back(outgoing.node, id);
            }
        }
        return step;
    }

    /// As the dispatcher does when these jobs have changed: their nodes give back what has not
    /// started.
    std::vector<RunId> take_back(const std::vector<JobId>& jobs)
    {
        std::vector<RunId> back;
        for (const auto& [node, runs] : term_->handed_out(jobs)) {
            back.insert(back.end(), runs.begin(), runs.end());
        }
        term_->jobs_changed(jobs, back, now_);
        return back;
    }
    /// The step after the job has become this one, from a moment on.
    PlanStep change(Job job, std::chrono::milliseconds after_midnight)
    {
        job.effective_from = midnight + after_midnight;
        add(job);
        take_back({job.id});
        return step();
    }

    /// The runs that the last step has handed out.
    std::vector<RunId> ordered() const
    {
        std::vector<RunId> ids;
        for (const auto& [node, order] : orders_) ids.push_back(order.id);
        return ids;
    }

    void report(const NodeName& node, const RunId& id, RunState state)
    {
        RunReport report;
        report.id = id;
        report.state = state;
        term_->report(node, report, now_);
    }

    RunId fire(JobId job, std::chrono::milliseconds after_midnight) const
    {
        return RunId{job, midnight + after_midnight, 1};
    }

    DispatchSettings settings_;
    JobTable jobs_{"UTC"};
    Moment now_;
    std::optional<TermRules> term_;
    std::vector<JobId> changed_;
    std::vector<std::pair<NodeName, RunOrder>> orders_;
    std::vector<std::pair<NodeName, RunId>> revokes_;
};

}  // namespace peercron
