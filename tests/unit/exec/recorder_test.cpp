#include "exec/recorder.hpp"

#include "base/task_group.hpp"
#include "run_coroutine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

/// Keeps what is recorded; asks `refuse` first. Only its thread of the pool touches it until the
/// pool is joined.
class FakeStore : public Store {
public:
    struct Ledger {
        std::vector<std::vector<RunReport>> writes;
        std::function<bool(std::span<const RunReport>)> refuse;
        int refused = 0;
    };
    explicit FakeStore(Ledger& ledger) : ledger_(ledger) {}

    void record(std::span<const RunReport> reports) override
    {
        if (ledger_.refuse && ledger_.refuse(reports)) {
            ++ledger_.refused;
            throw StoreError("the server has gone away");
        }
        ledger_.writes.emplace_back(reports.begin(), reports.end());
    }

    void ping() override {}
    JobPage find_jobs(const JobQuery&) override { return {}; }
    std::vector<Job> jobs_after(JobId, std::size_t) override { return {}; }
    std::optional<Job> find_job(JobId) override { return {}; }
    std::vector<Job> find_jobs_by_id(std::span<const JobId>) override { return {}; }
    Job add_job(const Job& draft, const Edit&) override { return draft; }
    std::optional<Job> update_job(JobId, const JobPatch&, const Edit&) override { return {}; }
    std::optional<Job> delete_job(JobId, const Edit&) override { return {}; }
    JobChanges changes_since(const JobCursor&) override { return {}; }
    std::vector<JobId> job_ids() override { return {}; }
    TermStart begin_term(Epoch, const NodeName&) override { return {}; }
    void commit_as(Epoch, const PlanStep&) override {}
    std::vector<RunId> undelivered(WallTime) override { return {}; }
    LogPage find_log(const LogQuery&) override { return {}; }
    std::optional<Job> find_job_by_name(const std::string&) override { return {}; }
    JobCount count_jobs() override { return {}; }
    std::int64_t delete_jobs(std::span<const JobId>, const Edit&) override { return {}; }
    RevisionPage find_revisions(const RevisionQuery&) override { return {}; }
    std::vector<JobId> known_jobs() override { return {}; }
    std::size_t note_changes(std::span<const JobId>, WallTime) override { return 0; }
    Epoch newest_epoch() override { return {}; }
    std::optional<LogRow> find_log_row(std::int64_t) override { return {}; }
    std::optional<LogRow> find_log_row(const RunId&) override { return {}; }

private:
    Ledger& ledger_;
};

RunReport report(JobId job, RunState state, std::string output = "")
{
    RunReport result;
    result.id = RunId{job, from_unix_millis(1'000), 1};
    result.state = state;
    result.output = std::move(output);
    return result;
}

class RecorderTest : public ::testing::Test {
protected:
    RecorderTest()
    {
        settings_.first_retry = 1ms;
        settings_.last_retry = 2ms;
    }

    /// Runs a recorder until everything of `reports` is written; what it wrote is in ledger_.
    void record(std::vector<RunReport> reports)
    {
        asio::io_context io(1);
        StorePool pool(io.get_executor(), 1,
                       [this] { return std::make_unique<FakeStore>(ledger_); });
        Recorder recorder(io.get_executor(), pool, settings_);
        TaskGroup tasks(io.get_executor());
        tasks.spawn("recorder", recorder.run());
        for (RunReport& r : reports) recorder.add(std::move(r));
        testing::run(io, flush_and_stop(recorder, tasks));
        EXPECT_EQ(recorder.waiting(), 0U);
    }
    static asio::awaitable<void> flush_and_stop(Recorder& recorder, TaskGroup& tasks)
    {
        const bool is_written = co_await recorder.flush(std::chrono::steady_clock::now() + 60s);
        EXPECT_TRUE(is_written);
        tasks.cancel();
        co_await tasks.join();
    }

    RecorderSettings settings_;
    FakeStore::Ledger ledger_;
};

TEST_F(RecorderTest, StartAndEndOfAShortRunAreOneWrite)
{
    record({report(1, RunState::running), report(2, RunState::running),
            report(1, RunState::success, "hi")});
    ASSERT_THAT(ledger_.writes, SizeIs(1));
    EXPECT_THAT(ledger_.writes[0],
                ElementsAre(report(1, RunState::success, "hi"), report(2, RunState::running)));
}

TEST_F(RecorderTest, BatchesAreBoundedByRows)
{
    settings_.max_rows = 2;
    record(
        {report(1, RunState::success), report(2, RunState::success), report(3, RunState::success)});
    ASSERT_THAT(ledger_.writes, SizeIs(2));
    EXPECT_THAT(ledger_.writes[0], SizeIs(2));
}

TEST_F(RecorderTest, BatchesAreBoundedByBytesButOneRowAlwaysFits)
{
    settings_.max_bytes = 100;
    record({report(1, RunState::success, std::string(300, 'x')),
            report(2, RunState::success, std::string(60, 'x')),
            report(3, RunState::success, std::string(60, 'x'))});
    EXPECT_THAT(ledger_.writes, ElementsAre(SizeIs(1), SizeIs(1), SizeIs(1)));
}

TEST_F(RecorderTest, TriesAgainUntilTheStoreIsBack)
{
    int left = 5;
    ledger_.refuse = [&left](std::span<const RunReport>) { return left-- > 0; };
    record({report(1, RunState::success), report(2, RunState::failed)});
    std::size_t rows = 0;
    for (const auto& write : ledger_.writes) rows += write.size();
    EXPECT_EQ(rows, 2U);
    EXPECT_EQ(ledger_.refused, 5);
}

TEST_F(RecorderTest, ARowThatIsRefusedDoesNotHoldUpTheOthers)
{
    std::size_t written = 0;
    ledger_.refuse = [&written](std::span<const RunReport> reports) {
        const auto is_bad = [](const RunReport& r) { return r.id.job == 1; };
        if (written < 9 && std::ranges::any_of(reports, is_bad)) return true;
        written += reports.size();
        return false;
    };
    std::vector<RunReport> reports;
    for (JobId job = 1; job <= 10; ++job) reports.push_back(report(job, RunState::success));
    record(std::move(reports));
    EXPECT_EQ(written, 10U);
}

TEST_F(RecorderTest, OutputsBeyondTheLimitAreDroppedWithANoteAndRowsNever)
{
    settings_.max_waiting_output = 1000;
    record({report(1, RunState::success, std::string(900, 'a')),
            report(2, RunState::success, std::string(900, 'b')),
            report(3, RunState::success, "small")});
    ASSERT_THAT(ledger_.writes, SizeIs(1));
    ASSERT_THAT(ledger_.writes[0], SizeIs(3));
    EXPECT_THAT(ledger_.writes[0][0].output, SizeIs(900));
    EXPECT_THAT(ledger_.writes[0][1].output, StartsWith("[900 bytes of output dropped: "));
    EXPECT_EQ(ledger_.writes[0][2].output, "small");
}

TEST_F(RecorderTest, PendingAreThoseThatEndedAndAreNotWritten)
{
    asio::io_context io(1);
    StorePool pool(io.get_executor(), 1, [this] { return std::make_unique<FakeStore>(ledger_); });
    Recorder recorder(io.get_executor(), pool, settings_);
    recorder.add(report(1, RunState::running));
    recorder.add(report(2, RunState::success, "out"));
    EXPECT_THAT(recorder.pending(), ElementsAre(report(2, RunState::success)));
}

asio::awaitable<void> flush_in_vain(Recorder& recorder, TaskGroup& tasks)
{
    const bool is_written = co_await recorder.flush(std::chrono::steady_clock::now() + 20ms);
    EXPECT_FALSE(is_written);
    tasks.cancel();
    co_await tasks.join();
}

TEST_F(RecorderTest, FlushEndsAtItsDeadline)
{
    ledger_.refuse = [](std::span<const RunReport>) { return true; };
    asio::io_context io(1);
    StorePool pool(io.get_executor(), 1, [this] { return std::make_unique<FakeStore>(ledger_); });
    Recorder recorder(io.get_executor(), pool, settings_);
    TaskGroup tasks(io.get_executor());
    tasks.spawn("recorder", recorder.run());
    recorder.add(report(1, RunState::success));
    testing::run(io, flush_in_vain(recorder, tasks));
    EXPECT_THAT(recorder.pending(), SizeIs(1));
}

}  // namespace
}  // namespace peercron
