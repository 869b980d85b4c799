#pragma once

#include "cluster/coordinator.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <stdexcept>
#include <utility>
#include <vector>

namespace peercron::testing {

/// A registry that says what the test says.
class FakeCoordinator : public Coordinator {
public:
    explicit FakeCoordinator(asio::any_io_executor executor) : changed_(std::move(executor)) {}

    NodeName dispatcher_name = "127.0.0.1:9991";
    std::vector<Member> nodes{
        {"127.0.0.1:9991", "127.0.0.1:9990", "1.2.3", true, {"db", "host=db1"}},
        {"127.0.0.1:9993", "127.0.0.1:9992", "1.2.2", false, {}},
    };

    asio::awaitable<void> run() override { throw std::logic_error("not run here"); }
    Epoch epoch() const override { return 0; }
    const NodeName& dispatcher() const override { return dispatcher_name; }
    const std::vector<Member>& members() const override { return nodes; }
    SteadyTime session_confirmed() const override { return {}; }
    asio::awaitable<void> resign() override { throw std::logic_error("does not resign here"); }
    void raise_epoch(Epoch) override {}
    Event& changed() override { return changed_; }

private:
    Event changed_;
};

}  // namespace peercron::testing
