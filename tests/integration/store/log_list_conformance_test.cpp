#include "integration/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// What every store promises about the lists of the log (store/lists.hpp), whatever is behind it.

namespace peercron {
namespace {

using namespace std::chrono_literals;
using testing::count_log;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::log_rows;
using testing::node_1;
using testing::node_2;
using testing::planned;
using testing::report;
using ::testing::SizeIs;
using testing::step;
using testing::t0;

std::vector<std::int64_t> ids(const std::vector<LogRow>& rows)
{
    std::vector<std::int64_t> found;
    for (const LogRow& row : rows) found.push_back(row.id);
    return found;
}

class LogListTest : public testing::StoreFixture {};

TEST_P(LogListTest, RowsAfterAnIdComeOldestFirstAndSomeByTheirIds)
{
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0 + 3s, {planned(1, t0), planned(1, t0 + 1s), planned(1, t0 + 2s)}));
    store_->record(std::vector{report({1, t0, 1}, RunState::success)});
    std::vector<std::int64_t> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(store_->find_log_row(RunId{1, t0 + std::chrono::seconds(i), 1})->id);
    }
    LogFilter after;
    after.after_id = all[0];
    EXPECT_THAT(ids(log_rows(*store_, after)), ElementsAre(all[1], all[2])) << "planned ones too";
    EXPECT_EQ(count_log(*store_, after).rows, 2);
    LogFilter some;
    some.ids = {all[0], all[2], 4711};
    EXPECT_THAT(ids(log_rows(*store_, some)), ElementsAre(all[2], all[0]));
    EXPECT_EQ(count_log(*store_, some).rows, 2);
    some.cron_id = 2;
    EXPECT_EQ(count_log(*store_, some).rows, 0);
}

TEST_P(LogListTest, FindsWhatWasMissed)
{
    store_->begin_term(1, node_1);
    const auto ended = [&](JobId job, RunState state, const std::string& reason,
                           std::int32_t attempt = 1) {
        RunReport end = report(RunId{job, t0, attempt}, state);
        end.reason = parse_reason(reason);
        store_->record({&end, 1});
    };
    ended(1, RunState::skipped, "misfire: missed while no node was planning");
    ended(2, RunState::skipped, "misfire-policy: the job's misfire policy is skip");
    ended(3, RunState::skipped, "mutex: the previous run is still running");
    ended(4, RunState::skipped, "node-isolated");
    ended(5, RunState::lost, "node-died: it died");
    ended(6, RunState::lost, "node-died: it died");
    ended(6, RunState::success, "", 2);
    ended(7, RunState::failed, "overload: not a skip");
    const auto jobs = [&](std::optional<RunState> state, std::optional<JobId> job = {}) {
        LogFilter filter;
        filter.missed = true;
        filter.state = state;
        filter.cron_id = job;
        filter.from = t0;
        std::vector<JobId> found;
        for (const LogRow& row : log_rows(*store_, filter)) found.push_back(row.run.id.job);
        EXPECT_EQ(count_log(*store_, filter).rows, std::ssize(found));
        return found;
    };
    EXPECT_THAT(jobs({}), ElementsAre(5, 4, 1));
    EXPECT_THAT(jobs(RunState::skipped), ElementsAre(4, 1));
    EXPECT_THAT(jobs(RunState::lost), ElementsAre(5));
    EXPECT_THAT(jobs({}, 4), ElementsAre(4));
    EXPECT_THAT(jobs({}, 3), IsEmpty());
}

TEST_P(LogListTest, MayHaveOnlyTheBeginningsOfOutputs)
{
    store_->begin_term(1, node_1);
    store_->commit(step(1, t0, {planned(1, t0), planned(2, t0)}));
    const std::string whole = "ab😀" + std::string(100'000, 'x');
    store_->record(std::vector{report({1, t0, 1}, RunState::success, whole),
                               report({2, t0, 1}, RunState::success, "ab😀")});
    for (const bool by_id : {false, true}) {
        LogFilter filter;
        if (by_id) filter.after_id = 0;
        const auto shown = [&](std::size_t most_output, const Slice& slice = {}) {
            std::vector<std::pair<std::string, bool>> outputs;
            for (const LogRow& row : store_->log_page(filter, slice, {}, most_output)) {
                outputs.emplace_back(row.run.output, row.output_cut);
            }
            std::ranges::sort(outputs);
            return outputs;
        };
        using Outputs = std::vector<std::pair<std::string, bool>>;
        EXPECT_EQ(shown(0), (Outputs{{"ab😀", false}, {whole, false}}));
        EXPECT_EQ(shown(5), (Outputs{{"ab", true}, {"ab", true}})) << "whole characters";
        EXPECT_EQ(shown(6), (Outputs{{"ab😀", false}, {"ab😀", true}}));
        EXPECT_EQ(shown(4096), (Outputs{{"ab😀", false}, {whole.substr(0, 4096), true}}));
        EXPECT_EQ(shown(4096, {1, 1}).size(), 1U);
    }
}

/// A ledger with enough rows for several blocks of ids.
class LongLedgerTest : public testing::StoreFixture {
protected:
    LongLedgerTest()
    {
        store_->begin_term(1, node_1);
        add(9'000, RunState::skipped);
    }

    void add(int count, RunState state)
    {
        std::vector<PlannedRun> runs;
        for (int i = 0; i < count; ++i) {
            last_ += 1ms;
            runs.push_back(planned(1 + i % 3, last_, i % 2 == 0 ? node_1 : node_2));
            runs.back().state = state;
        }
        store_->commit(step(1, last_, runs));
    }

    static std::vector<LogFilter> filters()
    {
        std::vector<LogFilter> filters(8);
        filters[1].cron_id = 2;
        filters[2].run_server = node_2;
        filters[3].dispatch_server = node_1;
        filters[3].run_server = node_2;
        filters[4].from = t0 + 100ms;
        filters[5].from = t0 + 2s;
        filters[5].to = t0 + 7s;
        filters[6].to = t0 + 4s;
        filters[7].from = t0 + 1500ms;
        filters[7].to = t0 + 1701ms;
        return filters;
    }

    /// Sets total_, and returns where the rows are.
    std::shared_ptr<const IdBlocks> count(const LogFilter& filter, const PageHint& hint = {})
    {
        ListCount counted = count_log(*store_, filter, hint);
        total_ = counted.rows;
        return std::make_shared<const IdBlocks>(std::move(counted.blocks));
    }

    /// By another way: reads all of them.
    std::int64_t listed(const LogFilter& filter)
    {
        return std::ssize(store_->log_page(filter, {0, 100'000}, {}, 1));
    }

    std::vector<std::int64_t> page_at(std::size_t offset, const LogFilter& filter,
                                      const PageHint& hint = {})
    {
        return ids(log_rows(*store_, filter, {offset, 20}, hint));
    }

    void expect_same_pages(const LogFilter& filter, const std::shared_ptr<const IdBlocks>& blocks)
    {
        for (const std::size_t offset :
             {0U, 100U, 199U, 2'000U, 2'345U, 2'998U, 4'499U, 8'995U, 10'000U}) {
            EXPECT_EQ(page_at(offset, filter, {blocks, nullptr}), page_at(offset, filter))
                << offset;
        }
    }

    WallTime last_ = t0;
    std::int64_t total_ = 0;
};

TEST_P(LongLedgerTest, FindsAFarPageByTheBlocksOfTheIds)
{
    for (const LogFilter& filter : filters()) {
        const auto blocks = count(filter);
        EXPECT_FALSE(blocks->blocks.empty());
        EXPECT_EQ(total_, listed(filter));
        expect_same_pages(filter, blocks);
    }
}

TEST_P(LongLedgerTest, RowsWhoseIdsAreMillionsApartAreCountedOnce)
{
    add(10, RunState::planned);
    database_->execute("UPDATE log SET id = id + 2995000 WHERE id > 4500");
    std::vector<LogFilter> all = filters();
    all.emplace_back().state = RunState::skipped;
    all.emplace_back().state = RunState::planned;
    all.emplace_back().search = "none has it";
    for (const LogFilter& filter : all) {
        const auto blocks = count(filter);
        EXPECT_EQ(total_, listed(filter));
        EXPECT_TRUE(!filter.state || blocks->blocks.empty()) << "rows leave it by their state";
        expect_same_pages(filter, blocks);
    }
}

TEST_P(LongLedgerTest, RowsOfATimeAreFoundWhereTheRowsOfThatTimeAre)
{
    LogFilter time;
    time.from = t0 + 2s;
    time.to = t0 + 7s;
    const auto time_blocks = count(time);
    EXPECT_EQ(total_, 5'000);
    LogFilter nothing = time;
    nothing.from = t0 + 1h;
    nothing.to = t0 + 2h;
    const auto no_blocks = count(nothing);
    EXPECT_EQ(total_, 0);
    nothing.cron_id = 2;
    count(nothing, {nullptr, no_blocks});
    EXPECT_EQ(total_, 0);
    // Newer than the blocks: rows of that time and of others.
    last_ = t0 + 20s;
    add(20, RunState::skipped);
    last_ = t0 + 6s;
    database_->execute("DELETE FROM log WHERE time = " + std::to_string(to_unix_seconds(last_)));
    add(30, RunState::skipped);
    add(30, RunState::planned);
    std::vector<LogFilter> narrower(5, time);
    narrower[0].cron_id = 2;
    narrower[1].run_server = node_2;
    narrower[2].state = RunState::skipped;
    narrower[3].state = RunState::planned;
    narrower[4].search = "";
    for (const LogFilter& filter : narrower) {
        const auto blocks = count(filter, {nullptr, time_blocks});
        EXPECT_EQ(total_, listed(filter));
        EXPECT_GT(total_, 0);
        for (const std::size_t offset : {0U, 19U, 1'600U, 2'345U, 4'999U}) {
            EXPECT_EQ(page_at(offset, filter, {blocks, time_blocks}), page_at(offset, filter))
                << offset;
        }
    }
}

TEST_P(LongLedgerTest, FindsRowsThatWereDueTogetherAlsoWhereTheyAreFarApart)
{
    database_->execute(
        "UPDATE log SET time = time - 86400, scheduled_at = scheduled_at - 86400000"
        " WHERE id % 100 = 7");
    LogFilter filter;
    filter.from = t0 - 25h;
    filter.to = t0 - 23h;
    const auto blocks = count(filter);
    EXPECT_EQ(total_, 90);
    EXPECT_THAT(page_at(0, filter, {blocks, nullptr}), SizeIs(20));
    EXPECT_EQ(page_at(0, filter, {blocks, nullptr}).front(), 8'907);
    EXPECT_EQ(page_at(75, filter, {blocks, nullptr}), page_at(75, filter));
    expect_same_pages(filter, blocks);
}

TEST_P(LongLedgerTest, FarPagesMoveOnWithNewRowsAndWithPlannedOnesThatHaveRun)
{
    add(10, RunState::planned);
    const auto ready = store_->begin_term(1, node_1).open_runs;
    std::vector<std::shared_ptr<const IdBlocks>> counted;
    for (const LogFilter& filter : filters()) counted.push_back(count(filter));
    std::vector<RunReport> reports;
    for (const OpenRun& open : ready) reports.push_back(report(open.planned.id, RunState::success));
    store_->record(reports);
    add(33, RunState::skipped);
    for (std::size_t i = 0; i < counted.size(); ++i) expect_same_pages(filters()[i], counted[i]);
}

TEST_P(LongLedgerTest, AFarPageLeavesOutNothingWhenRowsBeforeItAreDeleted)
{
    const PageHint hint{count({}), nullptr};
    const auto before = page_at(5'000, {});
    database_->execute("DELETE FROM log WHERE id BETWEEN 5000 AND 7900 AND id % 100 = 0");
    EXPECT_EQ(page_at(5'000, {}, hint), before);
    EXPECT_LT(page_at(5'000, {}).front(), before.front());
}

class LedgerQueryTest : public testing::StoreFixture {
protected:
    LedgerQueryTest()
    {
        store_->begin_term(1, node_1);
        std::vector<PlannedRun> runs;
        for (int i = 0; i < 20; ++i) {
            runs.push_back(planned(1 + i % 2, t0 + i * 1s, i < 15 ? node_1 : node_2));
        }
        store_->commit(step(1, t0, runs));
        std::vector<RunReport> reports;
        for (int i = 0; i < 18; ++i) {
            const auto& run = runs[static_cast<std::size_t>(i)];
            RunReport ended = report(run.id, i % 3 == 0 ? RunState::failed : RunState::success,
                                     "output " + std::to_string(i) + (i == 4 ? " 100%" : ""));
            ended.run_server = run.run_server;
            reports.push_back(ended);
        }
        store_->record(reports);
    }

    /// The seconds after t0 of the rows on the page, in its order.
    std::vector<std::int64_t> seconds(const LogFilter& filter, const Slice& slice = {})
    {
        total_ = count_log(*store_, filter).rows;
        std::vector<std::int64_t> found;
        for (const LogRow& log : log_rows(*store_, filter, slice)) {
            found.push_back(
                std::chrono::duration_cast<std::chrono::seconds>(log.run.id.scheduled_at - t0)
                    .count());
        }
        return found;
    }

    std::int64_t total_ = 0;
};

TEST_P(LedgerQueryTest, ListsNewestFirstWithoutThePlannedOnes)
{
    EXPECT_THAT(seconds({}, {0, 3}), ElementsAre(17, 16, 15));
    EXPECT_THAT(seconds({}, {16, 3}), ElementsAre(1, 0));
    EXPECT_THAT(seconds({}, {18, 3}), IsEmpty());
    EXPECT_EQ(total_, 18);
}

TEST_P(LedgerQueryTest, ListsPlannedRowsWhenAsked)
{
    LogFilter filter;
    filter.state = RunState::planned;
    EXPECT_THAT(seconds(filter), ElementsAre(19, 18));
    EXPECT_EQ(total_, 2);
}

TEST_P(LedgerQueryTest, FiltersByEachColumn)
{
    LogFilter by_job;
    by_job.cron_id = 2;
    EXPECT_THAT(seconds(by_job, {0, 2}), ElementsAre(17, 15));
    EXPECT_EQ(total_, 9);
    LogFilter by_state;
    by_state.state = RunState::failed;
    EXPECT_THAT(seconds(by_state), ElementsAre(15, 12, 9, 6, 3, 0));
    LogFilter by_node;
    by_node.run_server = node_2;
    EXPECT_THAT(seconds(by_node), ElementsAre(17, 16, 15));
    LogFilter by_dispatcher;
    by_dispatcher.dispatch_server = node_2;
    EXPECT_THAT(seconds(by_dispatcher), IsEmpty());
    EXPECT_EQ(total_, 0);
    by_dispatcher.dispatch_server = node_1;
    EXPECT_THAT(seconds(by_dispatcher, {0, 1}), ElementsAre(17));
    EXPECT_EQ(total_, 18);
    LogFilter by_output;
    by_output.search = "output 1";
    EXPECT_THAT(seconds(by_output), ElementsAre(17, 16, 15, 14, 13, 12, 11, 10, 1));
    by_output.search = "%";
    EXPECT_THAT(seconds(by_output), ElementsAre(4));
    by_output.search = "output _";
    EXPECT_THAT(seconds(by_output), IsEmpty());
}

TEST_P(LedgerQueryTest, FiltersByTimeToTheMillisecond)
{
    LogFilter filter;
    filter.from = t0 + 3s;
    filter.to = t0 + 5s;
    EXPECT_THAT(seconds(filter), ElementsAre(4, 3));
    EXPECT_EQ(total_, 2);
    filter.from = t0 + 3001ms;
    EXPECT_THAT(seconds(filter), ElementsAre(4));
    filter.to = t0 + 5001ms;
    EXPECT_THAT(seconds(filter), ElementsAre(5, 4));
    filter.to = t0 + 3500ms;
    EXPECT_THAT(seconds(filter), IsEmpty());
}

TEST_P(LedgerQueryTest, CombinesFilters)
{
    LogFilter filter;
    filter.cron_id = 1;
    filter.state = RunState::success;
    filter.run_server = node_1;
    filter.dispatch_server = node_1;
    filter.from = t0 + 2s;
    filter.to = t0 + 15s;
    filter.search = "output";
    EXPECT_THAT(seconds(filter), ElementsAre(14, 10, 8, 4, 2));
    EXPECT_EQ(total_, 5);
}

TEST_P(LedgerQueryTest, TakesInjectionAsText)
{
    for (const std::string text : {"' OR '1'='1", "\\' OR 1=1 -- ", "'; DROP TABLE log; -- ",
                                   "x' UNION SELECT * FROM cron -- ", "\" OR \"\"=\""}) {
        LogFilter filter;
        filter.search = text;
        EXPECT_THAT(seconds(filter), IsEmpty()) << text;
        filter.search.reset();
        filter.run_server = text;
        EXPECT_THAT(seconds(filter), IsEmpty()) << text;
        filter.run_server.reset();
        filter.dispatch_server = text;
        EXPECT_THAT(seconds(filter), IsEmpty()) << text;
    }
    EXPECT_EQ(count_log(*store_).rows, 18);
}

INSTANTIATE_TEST_SUITE_P(Conformance, LogListTest, ::testing::ValuesIn(testing::store_kinds()),
                         testing::name_of);
INSTANTIATE_TEST_SUITE_P(Conformance, LongLedgerTest, ::testing::ValuesIn(testing::store_kinds()),
                         testing::name_of);
INSTANTIATE_TEST_SUITE_P(Conformance, LedgerQueryTest, ::testing::ValuesIn(testing::store_kinds()),
                         testing::name_of);

}  // namespace
}  // namespace peercron
