#pragma once

#include "dispatch/node_links.hpp"
#include "fake_coordinator.hpp"
#include "unit/base/jumping_loop.hpp"
#include "unit/base/loop_clock.hpp"
#include "unit/dispatch/term_fixture.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

using namespace std::chrono_literals;

inline const NodeName gamma = "127.0.0.1:9995";

/// A registry that answers all the time, and where this node holds the lock in epoch 7.
class HeldLock final : public testing::FakeCoordinator {
public:
    explicit HeldLock(testing::JumpingLoop& loop) : FakeCoordinator(loop.executor()), loop_(loop) {}

    Epoch epoch() const override { return 7; }
    SteadyTime session_confirmed() const override { return is_away ? SteadyTime() : loop_.now(); }

    bool is_away = false;

private:
    testing::JumpingLoop& loop_;
};

/// Links to three nodes, whose side of the conversation is the test's.
class LinksTest : public ::testing::Test {
protected:
    struct Node {
        explicit Node(const asio::any_io_executor& executor) : changed(executor) {}
        bool accepts = true;
        std::string why_not = "no answer";
        bool is_open = false;
        std::function<void(Message)> say;
        std::vector<Message> heard;
        Event changed;
    };

    class NodeChannel final : public Channel {
    public:
        explicit NodeChannel(Node& node) : node_(node) {}
        void send(const Message& message) override { node_.heard.push_back(message); }
        asio::awaitable<ChannelEnd> run(std::function<void(Message)> on_message) override
        {
            node_.say = std::move(on_message);
            node_.is_open = true;
            while (node_.is_open) co_await node_.changed.wait();
            ChannelEnd end;
            end.why = "closed";
            co_return end;
        }
        void close() override
        {
            node_.is_open = false;
            node_.changed.notify();
        }

    private:
        Node& node_;
    };

    LinksTest()
    {
        lock_.nodes.clear();
        for (const NodeName& name : {alpha, beta, gamma}) {
            lock_.nodes.push_back({name, "", "", true, {}});
            nodes_.emplace(name, std::make_unique<Node>(loop_.executor()));
        }
    }
    ~LinksTest() override { loop_.drop_all(); }

    Node& node(const NodeName& name) { return *nodes_.at(name); }

    asio::awaitable<Result<std::unique_ptr<Channel>>> connect(NodeName name)
    {
        if (!node(name).accepts) co_return Error{node(name).why_not};
        std::unique_ptr<Channel> channel = std::make_unique<NodeChannel>(node(name));
        co_return channel;
    }

    void pass(std::chrono::milliseconds time) { loop_.run_until(loop_.now() + time); }

    /// Connects to all nodes that accept, and takes their accounts.
    void connect_all()
    {
        links_.follow_registry();
        pass(1ms);
        for (const NodeName& name : links_.connected()) {
            Account account;
            account.node = name;
            account.incarnation = 1;
            account.slots = 10;
            account.uptime = 1h;
            rules_.connected(name, account, clock_.now());
        }
    }

    void hang_up(const NodeName& name)
    {
        node(name).accepts = false;
        node(name).is_open = false;
        node(name).changed.notify();
        pass(1ms);
    }

    /// The messages of one kind that the node has got.
    template <class Wanted>
    std::vector<Wanted> heard(const NodeName& name)
    {
        std::vector<Wanted> found;
        for (const Message& message : node(name).heard) {
            if (const auto* wanted = std::get_if<Wanted>(&message)) found.push_back(*wanted);
        }
        return found;
    }

    testing::JumpingLoop loop_;
    testing::LoopClock machine_{loop_};
    PlanClock clock_{machine_, 1s};
    HeldLock lock_{loop_};
    std::map<NodeName, std::unique_ptr<Node>> nodes_;
    DispatchSettings settings_;
    JobTable jobs_{"UTC"};
    TermRules rules_{7, alpha, settings_, jobs_, clock_.now()};
    std::vector<std::pair<NodeName, Message>> messages_;
    std::function<void(const NodeName&)> on_end_;
    NodeLinks links_{loop_.executor(),
                     clock_,
                     lock_,
                     [this](NodeName name) { return connect(std::move(name)); },
                     alpha,
                     settings_,
                     rules_,
                     {[this](const NodeName& name, Message message) {
                          messages_.emplace_back(name, std::move(message));
                      },
                      [this](const NodeName& name) {
                          if (on_end_) on_end_(name);
                      }}};
};

}  // namespace peercron
