#include "exec/recorder.hpp"

#include "base/disk_journal.hpp"
#include "base/task_group.hpp"
#include "integration/store/temporary_folder.hpp"
#include "run_coroutine.hpp"
#include "wire/codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <future>
#include <set>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

/// Keeps what is recorded; asks `refuse` first. Only its thread of the pool touches it until the
/// pool is joined.
class FakeStore : public Store {
public:
    struct Ledger {
        std::vector<std::vector<RunReport>> writes;
        std::function<bool(std::span<const RunReport>)> refuse;
        int refused = 0;
        std::vector<DoubledRun> doubled;  ///< what every write finds
    };
    explicit FakeStore(Ledger& ledger) : ledger_(ledger) {}

    std::vector<DoubledRun> record(std::span<const RunReport> reports) override
    {
        if (ledger_.refuse && ledger_.refuse(reports)) {
            ++ledger_.refused;
            throw StoreError("the server has gone away");
        }
        ledger_.writes.emplace_back(reports.begin(), reports.end());
        return ledger_.doubled;
    }
    std::vector<DoubledRun> find_doubled(const DoubledQuery&) override { return {}; }

    void ping() override {}
    std::vector<Job> job_page(const JobFilter&, const Slice&, const PageHint&) override
    {
        return {};
    }
    ListCount count_jobs(const JobFilter&) override { return {}; }
    std::vector<Job> jobs_after(JobId, std::size_t) override { return {}; }
    std::optional<Job> find_job(JobId) override { return {}; }
    std::vector<Job> find_jobs_by_id(std::span<const JobId>) override { return {}; }
    Job add_job(const Job& draft, const Edit&) override { return draft; }
    std::vector<Job> update_jobs(std::span<const JobId>, const JobPatch&, const Edit&) override
    {
        return {};
    }
    std::optional<Job> delete_job(JobId, const Edit&) override { return {}; }
    JobChanges changes_since(const JobCursor&) override { return {}; }
    std::vector<JobId> job_ids() override { return {}; }
    TermStart begin_term(Epoch, const NodeName&) override { return {}; }
    void commit_as(Epoch, const PlanStep&) override {}
    std::optional<WallTime> clock() override { return std::nullopt; }
    SteppedBack step_back(Epoch, const StepBack&) override { return {}; }
    std::vector<RunId> runs_to_repeat(WallTime) override { return {}; }
    std::vector<FailedRun> runs_to_retry(WallTime) override { return {}; }
    std::vector<DaemonStart> daemon_starts(std::span<const JobId>) override { return {}; }
    std::vector<ChainRow> chain_rows(std::span<const ChainEdge>, WallTime) override { return {}; }
    std::vector<LogRow> log_page(const LogFilter&, const Slice&, const PageHint&,
                                 std::size_t) override
    {
        return {};
    }
    ListCount count_log(const LogFilter&, const PageHint&, const std::optional<CountRest>&) override
    {
        return {};
    }
    std::optional<Job> find_job_by_name(const std::string&) override { return {}; }
    JobCounts job_counts() override { return {}; }
    std::int64_t delete_jobs(std::span<const JobId>, const Edit&) override { return {}; }
    RevisionPage find_revisions(const RevisionQuery&) override { return {}; }
    std::vector<JobId> known_jobs() override { return {}; }
    std::size_t note_changes(std::span<const JobId>, WallTime) override { return 0; }
    Epoch newest_epoch() override { return {}; }
    std::optional<LogRow> find_log_row(std::int64_t) override { return {}; }
    std::optional<LogRow> find_log_row(const RunId&) override { return {}; }
    std::optional<LogRow> find_newest_attempt(const RunId&) override { return {}; }
    std::size_t delete_expired(std::chrono::seconds, WallTime, std::size_t) override { return 0; }
    LedgerExtent ledger_extent() override { return {}; }
    std::vector<JobPast> find_pasts(const PastQuery&) override { return {}; }
    std::vector<LedgerEntry> find_entries(const EntryQuery&) override { return {}; }
    std::optional<LedgerEntry> newest_entry_before(JobId, WallTime) override { return {}; }
    std::vector<JobInsight> find_insights(std::span<const JobId>) override { return {}; }
    StateCounts count_states() override { return {}; }
    std::vector<std::pair<JobId, std::chrono::milliseconds>> usual_times() override { return {}; }
    std::vector<TallyRow> find_tallies(std::chrono::sys_seconds, std::chrono::sys_seconds) override
    {
        return {};
    }
    std::vector<BegunTerm> terms_since(WallTime, std::size_t) override { return {}; }
    std::vector<LogRow> job_rows_before(JobId, WallTime, std::size_t) override { return {}; }
    NoticeStore& notices() override { throw std::logic_error("not used here"); }
    PauseStore& pauses() override { throw std::logic_error("not used here"); }
    AccountStore& accounts() override { throw std::logic_error("not used here"); }
    LockStore& locks() override { throw std::logic_error("not used here"); }
    CalendarStore& calendars() override { throw std::logic_error("not used here"); }
    BackfillStore& backfills() override { throw std::logic_error("not used here"); }

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

/// What is logged while it lives.
class CapturedLog {
public:
    CapturedLog()
    {
        auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
        spdlog::set_default_logger(std::make_shared<spdlog::logger>("", std::move(sink)));
    }
    CapturedLog(const CapturedLog&) = delete;
    CapturedLog& operator=(const CapturedLog&) = delete;
    ~CapturedLog() { spdlog::set_default_logger(before_); }

    std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

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
        Recorder recorder(io.get_executor(), clock_, pool, settings_);
        TaskGroup tasks(io.get_executor());
        tasks.spawn("recorder", recorder.run());
        for (RunReport& r : reports) recorder.add(std::move(r));
        testing::run(io, flush_and_stop(recorder, tasks));
        EXPECT_EQ(recorder.waiting(), 0U);
    }
    /// The same of one report, with nobody who waits for it to be written.
    void record_unhurried(RunReport report)
    {
        asio::io_context io(1);
        StorePool pool(io.get_executor(), 1,
                       [this] { return std::make_unique<FakeStore>(ledger_); });
        Recorder recorder(io.get_executor(), clock_, pool, settings_);
        TaskGroup tasks(io.get_executor());
        tasks.spawn("recorder", recorder.run());
        recorder.add(std::move(report));
        testing::run(io, stop_when_written(recorder, tasks));
    }
    static asio::awaitable<void> stop_when_written(Recorder& recorder, TaskGroup& tasks)
    {
        for (int i = 0; i < 20'000 && recorder.waiting() > 0; ++i) co_await sleep_for(1ms);
        EXPECT_EQ(recorder.waiting(), 0U);
        tasks.cancel();
        co_await tasks.join();
    }
    static asio::awaitable<void> flush_and_stop(Recorder& recorder, TaskGroup& tasks)
    {
        const bool is_written = co_await recorder.flush(std::chrono::steady_clock::now() + 60s);
        EXPECT_TRUE(is_written);
        tasks.cancel();
        co_await tasks.join();
    }

    RecorderSettings settings_;
    SystemClock clock_;
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

TEST_F(RecorderTest, StartsOfCommandsComeBeforeWrites)
{
    settings_.interval = 1ms;
    settings_.busy_interval = 1h;
    int looks = 0;
    settings_.is_busy = [&] {
        EXPECT_THAT(ledger_.writes, IsEmpty());
        return ++looks < 5;
    };
    record_unhurried(report(1, RunState::success));
    EXPECT_EQ(looks, 5);
    EXPECT_THAT(ledger_.writes, SizeIs(1));
}

TEST_F(RecorderTest, ButNotForEver)
{
    settings_.interval = 1ms;
    settings_.busy_interval = 5ms;
    settings_.is_busy = [] { return true; };
    record_unhurried(report(1, RunState::success));
    EXPECT_THAT(ledger_.writes, SizeIs(1));
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
    Recorder recorder(io.get_executor(), clock_, pool, settings_);
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
    Recorder recorder(io.get_executor(), clock_, pool, settings_);
    TaskGroup tasks(io.get_executor());
    tasks.spawn("recorder", recorder.run());
    recorder.add(report(1, RunState::success));
    testing::run(io, flush_in_vain(recorder, tasks));
    EXPECT_THAT(recorder.pending(), SizeIs(1));
}

/// A node's recorder with its journal, from its start to its end.
class Life {
public:
    Life(FakeStore::Ledger& ledger, const RecorderSettings& settings,
         const JournalSettings& journal)
        : pool_(io_.get_executor(), 1, [&ledger] { return std::make_unique<FakeStore>(ledger); }),
          journal_(journal, metrics_),
          recorder_(io_.get_executor(), clock_, pool_, settings, &journal_, &metrics_),
          tasks_(io_.get_executor())
    {}

    using Story = std::function<asio::awaitable<void>(Life&)>;

    /// Starts, lets the story happen and ends without another word, as by kill -9.
    void run(Story story) { testing::run(io_, live(std::move(story))); }

    /// Without run(): what would happen while the store is not there yet.
    void only_replay() { testing::run(io_, begin()); }

    Recorder& recorder() { return recorder_; }
    DiskJournal& journal() { return journal_; }
    std::string metric(const std::string& name) const
    {
        for (const auto& family : metrics_.Collect()) {
            if (family.name != name) continue;
            const auto& metric = family.metric.at(0);
            return std::to_string(static_cast<long>(metric.gauge.value + metric.counter.value));
        }
        return "there is none";
    }

    // Each looks again and again, for 60 s at most.
    asio::awaitable<void> until_records(int count)
    {
        const auto is_so = [this, count] {
            return metric("peercron_journal_records") == std::to_string(count);
        };
        co_await until(is_so);
    }
    asio::awaitable<void> until_all_kept()
    {
        const auto is_so = [this] { return recorder_.unkept() == 0; };
        co_await until(is_so);
    }
    asio::awaitable<void> until_state(DiskJournal::State state)
    {
        const auto is_so = [this, state] { return journal_.state() == state; };
        co_await until(is_so);
    }

    static asio::awaitable<void> until(std::function<bool()> condition)
    {
        const SteadyTime limit = std::chrono::steady_clock::now() + 60s;
        while (!condition() && std::chrono::steady_clock::now() < limit) co_await sleep_for(1ms);
        EXPECT_TRUE(condition());
    }

    asio::awaitable<void> flush()
    {
        const bool is_written = co_await recorder_.flush(std::chrono::steady_clock::now() + 60s);
        EXPECT_TRUE(is_written);
    }

private:
    asio::awaitable<void> begin()
    {
        co_await journal_.open();
        co_await recorder_.replay();
    }

    asio::awaitable<void> live(Story story)
    {
        co_await begin();
        tasks_.spawn("recorder", recorder_.run());
        tasks_.spawn("journal", recorder_.keep());
        co_await story(*this);
        tasks_.cancel();
        co_await tasks_.join();
    }

    asio::io_context io_{1};
    SystemClock clock_;
    prometheus::Registry metrics_;
    StorePool pool_;
    DiskJournal journal_;
    Recorder recorder_;
    TaskGroup tasks_;
};

class RecorderJournalTest : public RecorderTest {
protected:
    RecorderJournalTest()
    {
        settings_.interval = 1ms;
        settings_.journal_retry = 1ms;
        ledger_.refuse = [this](std::span<const RunReport>) { return is_away_.load(); };
    }

    void live(Life::Story story)
    {
        Life life(ledger_, settings_, journal_);
        life.run(std::move(story));
    }

    /// What the store has, and that it got nothing twice.
    std::vector<RunReport> stored() const
    {
        std::vector<RunReport> all;
        std::set<RunId> ids;
        for (const auto& write : ledger_.writes) {
            for (const RunReport& report : write) {
                EXPECT_TRUE(ids.insert(report.id).second) << to_string(report.id) << " twice";
                all.push_back(report);
            }
        }
        return all;
    }
    std::uintmax_t journal_size() const { return std::filesystem::file_size(journal_.path); }

    std::atomic<bool> is_away_ = false;
    testing::TemporaryFolder folder_;
    JournalSettings journal_{folder_.path() / "journal", 1U << 20U};
    const std::uintmax_t empty_ = 16;
};

asio::awaitable<void> write_two(Life& life)
{
    life.recorder().add(report(1, RunState::success, "one"));
    life.recorder().add(report(2, RunState::failed, "two"));
    co_await life.flush();
    EXPECT_EQ(life.metric("peercron_journal_bytes"), "16");
}

asio::awaitable<void> write_one_doubled(Life& life)
{
    EXPECT_EQ(life.metric("peercron_runs_doubled_total"), "0");
    life.recorder().add(report(1, RunState::success));
    co_await life.flush();
    EXPECT_EQ(life.metric("peercron_runs_doubled_total"), "2");
}

TEST_F(RecorderJournalTest, RunsThatRanTwiceAreErrorsInTheLogAndCounted)
{
    DoubledRun run;
    run.job_name = "backup";
    run.row = report(1, RunState::success);
    run.row.run_server = "10.0.0.1:9991";
    run.row.started_at = from_unix_millis(1'003);
    run.other.report = run.row;
    run.other.report.run_server = "10.0.0.2:9991";
    run.other.report.state = RunState::running;
    ledger_.doubled = {run, run};
    const CapturedLog log;
    live([](Life& life) { return write_one_doubled(life); });
    EXPECT_THAT(log.text(),
                ::testing::HasSubstr(
                    "[error] recorder: job 1 at 1970-01-01T00:00:01Z (backup) has two reports: it"
                    " ran at 10.0.0.1:9991 from 1970-01-01T00:00:01.003Z (success), and it ran at"
                    " 10.0.0.2:9991 from 1970-01-01T00:00:01.003Z (running)"));
}

TEST_F(RecorderJournalTest, IsNotTouchedWhileTheStoreTakesResults)
{
    std::filesystem::file_time_type opened;
    live([&](Life& life) -> asio::awaitable<void> {
        opened = std::filesystem::last_write_time(journal_.path);
        return write_two(life);
    });
    EXPECT_THAT(stored(), SizeIs(2));
    EXPECT_EQ(std::filesystem::last_write_time(journal_.path), opened);
}

/// Three runs end while the store is away, one goes on; the node is killed.
asio::awaitable<void> end_three(Life& life)
{
    life.recorder().add(report(1, RunState::success, "one"));
    life.recorder().add(report(4, RunState::running));
    co_await life.until_records(1);
    life.recorder().add(report(2, RunState::failed, std::string(1000, 'x')));
    life.recorder().add(report(3, RunState::skipped));
    co_await life.until_records(3);
    EXPECT_EQ(life.recorder().unkept(), 0U);
    EXPECT_THAT(life.recorder().pending(), SizeIs(3));
}

asio::awaitable<void> flush(Life& life)
{
    co_await life.flush();
    EXPECT_EQ(life.metric("peercron_journal_records"), "0");
}

TEST_F(RecorderJournalTest, WhatEndedWhileTheStoreWasAwayIsWrittenAfterARestart)
{
    is_away_ = true;
    live(end_three);
    EXPECT_THAT(stored(), IsEmpty());
    is_away_ = false;
    live(flush);
    EXPECT_THAT(stored(), UnorderedElementsAre(report(1, RunState::success, "one"),
                                               report(2, RunState::failed, std::string(1000, 'x')),
                                               report(3, RunState::skipped)));
    EXPECT_EQ(journal_size(), empty_);
}

TEST_F(RecorderJournalTest, AfterARestartTheAccountHasThemAtOnce)
{
    is_away_ = true;
    live(end_three);
    Life life(ledger_, settings_, journal_);
    life.only_replay();
    EXPECT_THAT(life.recorder().pending(),
                UnorderedElementsAre(report(1, RunState::success), report(2, RunState::failed),
                                     report(3, RunState::skipped)));
}

asio::awaitable<void> do_nothing(Life& /*life*/)
{
    co_return;
}

TEST_F(RecorderJournalTest, SeveralRestartsLoseAndDoubleNothing)
{
    is_away_ = true;
    live(end_three);
    for (int i = 0; i < 3; ++i) live(do_nothing);
    is_away_ = false;
    live(flush);
    EXPECT_THAT(stored(), SizeIs(3));
    live(flush);
    EXPECT_THAT(stored(), SizeIs(3));
}

asio::awaitable<void> sit_out_an_outage(Life& life, std::atomic<bool>& is_away)
{
    co_await end_three(life);
    is_away = false;
    co_await life.flush();
    EXPECT_EQ(life.metric("peercron_journal_records"), "0");
}

TEST_F(RecorderJournalTest, IsEmptyWhenTheStoreIsBackAndHasEverything)
{
    is_away_ = true;
    live([this](Life& life) { return sit_out_an_outage(life, is_away_); });
    EXPECT_THAT(stored(),
                UnorderedElementsAre(report(1, RunState::success, "one"),
                                     report(2, RunState::failed, std::string(1000, 'x')),
                                     report(3, RunState::skipped), report(4, RunState::running)));
    EXPECT_EQ(journal_size(), empty_);
}

asio::awaitable<void> outlast_a_hang(Life& life, std::promise<void>& go_on)
{
    life.recorder().add(report(1, RunState::success, "one"));
    co_await life.until_records(1);
    life.recorder().add(report(2, RunState::success, "two"));
    co_await life.until_records(2);
    go_on.set_value();
    co_await life.flush();
}

TEST_F(RecorderJournalTest, AStoreThatHangsIsAsOneThatFails)
{
    settings_.slow_write = 20ms;
    std::promise<void> go_on;
    std::shared_future<void> wait(go_on.get_future());
    std::string seen;
    ledger_.refuse = [&](std::span<const RunReport>) {
        if (seen.empty()) {
            wait.get();
            // The file has what is being written just now.
            std::ifstream in(journal_.path, std::ios::binary);
            seen.assign(std::istreambuf_iterator<char>(in), {});
        }
        return false;
    };
    live([&](Life& life) { return outlast_a_hang(life, go_on); });
    EXPECT_THAT(seen, HasSubstr(encode_report(report(1, RunState::success, "one"))));
    EXPECT_THAT(stored(), ElementsAre(report(1, RunState::success, "one"),
                                      report(2, RunState::success, "two")));
    EXPECT_EQ(journal_size(), empty_);
}

constexpr JobId many = 50;

/// Their outputs together are four times what memory may hold of them.
asio::awaitable<void> write_much(Life& life, std::atomic<bool>& is_away)
{
    for (JobId job = 1; job <= many; ++job) {
        life.recorder().add(report(job, RunState::success, std::string(8'000, 'x')));
        co_await life.until_all_kept();
    }
    is_away = false;
    co_await life.flush();
}

TEST_F(RecorderJournalTest, OutputsThatAreInTheJournalTakeNoMemoryAndComeBackWhole)
{
    settings_.max_waiting_output = 100'000;
    is_away_ = true;
    live([this](Life& life) { return write_much(life, is_away_); });
    const auto all = stored();
    ASSERT_THAT(all, SizeIs(many));
    for (const RunReport& r : all) EXPECT_EQ(r.output, std::string(8'000, 'x'));
}

/// The store holds the first batch of a life until it is told to go on.
struct HeldBatch {
    std::atomic<bool> is_held = false;
    std::promise<void> go_on;
};

asio::awaitable<void> keep_three(Life& life)
{
    for (JobId job = 1; job <= 3; ++job) {
        life.recorder().add(report(job, RunState::success, std::string(30'000, 'x')));
        co_await life.until_all_kept();
    }
}

asio::awaitable<void> end_one_while_they_are_written(Life& life, HeldBatch& batch)
{
    const auto is_held = [&batch] { return batch.is_held.load(); };
    co_await life.until(is_held);
    life.recorder().add(report(4, RunState::success, std::string(30'000, 'x')));
    batch.go_on.set_value();
    co_await life.flush();
}

TEST_F(RecorderJournalTest, OutputsReadBackFromItToBeWrittenCostNoOtherItsOwn)
{
    settings_.max_waiting_output = 100'000;
    is_away_ = true;
    live(keep_three);
    HeldBatch batch;
    ledger_.refuse = [&batch](std::span<const RunReport> reports) {
        if (!batch.is_held.exchange(true)) {
            EXPECT_THAT(reports, SizeIs(3));
            batch.go_on.get_future().wait();
        }
        return false;
    };
    live([&batch](Life& life) { return end_one_while_they_are_written(life, batch); });
    const auto all = stored();
    ASSERT_THAT(all, SizeIs(4));
    for (const RunReport& r : all) EXPECT_EQ(r.output, std::string(30'000, 'x'));
}

asio::awaitable<void> fill(Life& life, std::atomic<bool>& is_away)
{
    life.recorder().add(report(1, RunState::success, std::string(600, 'a')));
    co_await life.until_records(1);
    EXPECT_EQ(life.journal().state(), DiskJournal::State::ok);
    for (JobId job = 2; job <= 5; ++job) {
        life.recorder().add(report(job, RunState::success, std::string(900, 'b')));
    }
    co_await life.until_state(DiskJournal::State::failing);
    EXPECT_EQ(life.metric("peercron_journal_failing"), "1");
    EXPECT_NE(life.metric("peercron_journal_failures_total"), "0");
    EXPECT_EQ(life.metric("peercron_journal_limit_bytes"), "4000");
    EXPECT_EQ(life.recorder().unkept(), 4U);
    is_away = false;
    co_await life.flush();
    co_await life.until_state(DiskJournal::State::ok);
    EXPECT_EQ(life.metric("peercron_journal_failing"), "0");
}

TEST_F(RecorderJournalTest, WhenItIsFullWhatWaitsStaysInMemoryAndItIsSaid)
{
    journal_.limit = 4000;
    settings_.journal_retry = 20ms;
    is_away_ = true;
    live([this](Life& life) { return fill(life, is_away_); });
    EXPECT_THAT(stored(), SizeIs(5));
    EXPECT_EQ(journal_size(), empty_);
}

asio::awaitable<void> fail_from_the_first(Life& life, std::atomic<bool>& is_away)
{
    life.recorder().add(report(1, RunState::success, std::string(250, 'a')));
    co_await life.until_state(DiskJournal::State::failing);
    is_away = false;
    co_await life.flush();
    co_await life.until_state(DiskJournal::State::ok);
}

TEST_F(RecorderJournalTest, OneThatNeverTookAnythingIsWellAgainWhenNothingWaits)
{
    journal_.limit = 200;
    is_away_ = true;
    live([this](Life& life) { return fail_from_the_first(life, is_away_); });
    EXPECT_THAT(stored(), SizeIs(1));
}

asio::awaitable<void> keep_a_large_one(Life& life)
{
    life.recorder().add(report(1, RunState::success, std::string(5'000, 'a')));
    life.recorder().add(report(2, RunState::success, "small"));
    co_await life.until_records(2);
    EXPECT_EQ(life.journal().state(), DiskJournal::State::ok);
}

TEST_F(RecorderJournalTest, AnOutputThatIsTooLargeForItDoesNotKeepTheOthersOut)
{
    journal_.limit = 3000;
    is_away_ = true;
    live(keep_a_large_one);
    is_away_ = false;
    live(flush);
    const auto all = stored();
    ASSERT_THAT(all, SizeIs(2));
    const auto large = std::ranges::find(all, 1, [](const RunReport& r) { return r.id.job; });
    EXPECT_THAT(large->output, StartsWith("[5000 bytes of output dropped: "));
}

TEST_F(RecorderJournalTest, WithoutAFolderForItTheRecorderWorksAsBefore)
{
    std::ofstream(folder_.path() / "file") << "x";
    journal_.path = folder_.path() / "file" / "journal";
    is_away_ = true;
    const auto story = [this](Life& life) -> asio::awaitable<void> {
        EXPECT_EQ(life.journal().state(), DiskJournal::State::unavailable);
        EXPECT_EQ(life.metric("peercron_journal_failing"), "1");
        life.recorder().add(report(1, RunState::success, "one"));
        is_away_ = false;
        return life.flush();
    };
    live(story);
    EXPECT_THAT(stored(), SizeIs(1));
}

TEST_F(RecorderJournalTest, ALimitOfZeroMeansThatThereIsNone)
{
    journal_.limit = 0;
    const auto story = [](Life& life) -> asio::awaitable<void> {
        EXPECT_EQ(life.journal().state(), DiskJournal::State::off);
        EXPECT_EQ(life.metric("peercron_journal_failing"), "0");
        life.recorder().add(report(1, RunState::success, "one"));
        return life.flush();
    };
    live(story);
    EXPECT_FALSE(std::filesystem::exists(journal_.path));
    EXPECT_THAT(stored(), SizeIs(1));
}

constexpr JournalKind stranger{9};

asio::awaitable<void> append_a_stranger(Life& life, std::atomic<bool>& is_away)
{
    std::vector<std::string> payload{"a step of the plan"};
    const auto appended = co_await life.journal().append(stranger, std::move(payload));
    EXPECT_TRUE(appended);
    life.recorder().add(report(1, RunState::success, "one"));
    co_await life.until_records(2);
    is_away = false;
    co_await life.flush();
    EXPECT_EQ(life.metric("peercron_journal_records"), "1");
}

asio::awaitable<void> find_the_stranger(Life& life)
{
    co_await life.flush();
    const auto entries = co_await life.journal().entries(stranger);
    EXPECT_THAT(entries, SizeIs(1));
}

TEST_F(RecorderJournalTest, RecordsOfOthersAreLeftAlone)
{
    is_away_ = true;
    live([this](Life& life) { return append_a_stranger(life, is_away_); });
    EXPECT_THAT(stored(), SizeIs(1));
    live(find_the_stranger);
}

}  // namespace
}  // namespace peercron
