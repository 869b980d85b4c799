#pragma once

#include "integration/store/store_under_test.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace peercron::testing {

inline constexpr WallTime t0{std::chrono::milliseconds(1'763'683'200'000)};  // 2025-11-21T00:00:00Z
inline const NodeName node_1 = "127.0.0.1:9991";
inline const NodeName node_2 = "127.0.0.1:9993";

/// A session with a new database of the kind under test.
class StoreFixture : public ::testing::TestWithParam<StoreKind> {
protected:
    StoreFixture() : database_(GetParam().make()), store_(database_->open()) {}

    std::unique_ptr<StoreDatabase> database_;
    std::unique_ptr<Store> store_;
};

inline std::string name_of(const ::testing::TestParamInfo<StoreKind>& info)
{
    return info.param.name;
}

inline PlannedRun planned(JobId job, WallTime at, NodeName node = node_1)
{
    PlannedRun run;
    run.id = {job, at, 1};
    run.run_server = std::move(node);
    run.dispatched_at = at - std::chrono::seconds(2);
    return run;
}

inline PlanStep step(Epoch epoch, WallTime through, std::vector<PlannedRun> runs)
{
    PlanStep step;
    step.epoch = epoch;
    step.dispatch_server = node_1;
    step.planned_through = through;
    step.runs = std::move(runs);
    return step;
}

inline RunReport report(const RunId& id, RunState state, std::string output = {})
{
    RunReport report;
    report.id = id;
    report.state = state;
    report.run_server = node_1;
    report.dispatch_server = node_1;
    report.epoch = 1;
    report.output = std::move(output);
    report.output_bytes = static_cast<std::int64_t>(report.output.size());
    return report;
}

/// A page of the log with whole outputs.
inline std::vector<LogRow> log_rows(Store& store, const LogFilter& filter = {},
                                    const Slice& slice = {}, const PageHint& hint = {})
{
    return store.log_page(filter, slice, hint, 0);
}

/// In as many parts as it takes; the blocks are those of all parts.
inline ListCount count_log(Store& store, const LogFilter& filter = {}, const PageHint& hint = {})
{
    ListCount all = store.count_log(filter, hint, std::nullopt);
    while (all.rest) {
        ListCount part = store.count_log(filter, hint, all.rest);
        all.rows += part.rows;
        auto& blocks = all.blocks.blocks;
        blocks.insert(blocks.begin(), part.blocks.blocks.begin(), part.blocks.blocks.end());
        all.rest = part.rest;
    }
    return all;
}

}  // namespace peercron::testing
