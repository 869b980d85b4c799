#pragma once

#include "api/api.hpp"
#include "api/output_text.hpp"
#include "api/run_output.hpp"
#include "base/event.hpp"
#include "http/stream.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace peercron {

/// The row with the first byte of its output: the least that can be read.
std::optional<LogRow> read_row_head(Store& store, std::int64_t id);

/// How much one reader gets: what a usual run writes at once, then as much a second as anybody can
/// read. More would cost the node that runs it, and others that read.
class OutputPace {
public:
    /// Some bytes were told. Returns how long to wait with the next ones.
    SteadyTime::duration told(std::size_t bytes, SteadyTime now);

private:
    static constexpr double burst = 1024.0 * 1024.0;
    static constexpr double per_second = 256.0 * 1024.0;

    double left_ = burst;
    SteadyTime since_{};
};

/// Shows one client the output of a run: what there is, what comes, and how the run ends, which is
/// always the ledger's word. It begins before the run does, and outlives the node that runs it.
///
/// While there is a node to ask, the ledger is not; it is when the node has no more to say.
class OutputStream final : public EventStream {
public:
    /// @param id of the ledger's row. @param from the first byte.
    OutputStream(const ApiContext& context, std::int64_t id, std::int64_t from);

private:
    asio::awaitable<void> collect(std::string& out, SteadyTime latest) override;
    void wake() override;

    asio::awaitable<void> look_at_row(std::string& out);
    asio::awaitable<void> tell_end(std::string& out);
    asio::awaitable<void> read(std::string& out, SteadyTime latest);
    void tell_trouble(std::string& out, const std::string& trouble);
    void pause(SteadyTime::duration time);

    const ApiContext& context_;
    const std::int64_t id_;
    OutputText text_;
    OutputPace pace_;
    RunId run_;
    NodeName node_;                      // that output_ asks
    std::unique_ptr<RunOutput> output_;  // kept while it is not asked
    bool is_running_ = false;            // as far as is known: its node is asked
    bool was_there_ = false;             // when that was asked last
    Event woken_;
    SteadyTime paused_until_{};
    std::optional<SteadyTime> trouble_since_;
    std::string told_trouble_;
    Budget::Share share_;  // of the last part
};

/// The events that tell `spans`.
void append_output(std::string& out, const std::vector<OutputSpan>& spans);

}  // namespace peercron
