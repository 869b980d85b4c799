#include "store/copy.hpp"
#include "job_samples.hpp"

#include "integration/store/mysql_database.hpp"
#include "integration/store/temporary_folder.hpp"
#include "store/account_store.hpp"
#include "store/calendar_store.hpp"
#include "store/lock_store.hpp"
#include "store/mysql/mysql_connection.hpp"
#include "store/mysql/mysql_store.hpp"
#include "store/notice_store.hpp"
#include "store/pause_store.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/store_address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

namespace peercron {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr WallTime t0{1'763'683'200'000ms};  // 2025-11-21T00:00:00Z
const NodeName node_1 = "127.0.0.1:9991";

void no_progress(const CopyProgress& /*progress*/) {}

std::string what_of(const std::function<void()>& work)
{
    try {
        work();
    } catch (const StoreError& error) {
        return error.what();
    }
    return "nothing was thrown";
}

RunReport report(const RunId& id, RunState state, std::string output)
{
    RunReport report;
    report.id = id;
    report.state = state;
    report.run_server = node_1;
    report.dispatch_server = node_1;
    report.epoch = 7;
    report.started_at = id.scheduled_at + 3ms;
    report.ended_at = id.scheduled_at + 1234ms;
    report.use_time = 1231ms;
    if (state == RunState::killed) {
        report.term_signal = 15;
        report.http_status = 418;
        report.reason = parse_reason("killed by 'someone', 世界");
    } else {
        report.exit_code = state == RunState::success ? 0 : 3;
    }
    report.cpu_time = 12ms;
    report.max_rss = 4096;
    report.output_bytes = static_cast<std::int64_t>(output.size());
    report.output = std::move(output);
    return report;
}

Job daily()
{
    Job job;
    job.cron_set = "@daily";
    job.command = "a";
    return job;
}

/// Jobs of every kind, and rows of every kind.
void fill(Store& store)
{
    Job plain;
    plain.cron_set = "*/5 * * * * *";
    plain.command = "echo 'it''s' \"quoted\" \\ 😀";
    Job full = testing::sample_job();
    full.name = "backup/世界";
    full.misfire_window = until_next;
    Job stopped = plain;
    stopped.stop = true;
    const JobId first = store.add_job(plain, t0 - 9s).id;
    const JobId second = store.add_job(full, t0 - 8s).id;
    store.add_job(stopped, t0 - 7s);
    const JobId deleted = store.add_job(plain, t0 - 6s).id;

    store.begin_term(7, node_1);
    PlanStep step;
    step.epoch = 7;
    step.dispatch_server = node_1;
    step.planned_through = t0 + 30s;
    for (int i = 0; i < 20; ++i) {
        PlannedRun run;
        run.id = {i == 19 ? deleted : i % 2 == 0 ? first : second, t0 + i * 1s, 1};
        run.run_server = node_1;
        run.dispatched_at = t0;
        step.runs.push_back(run);
    }
    PlannedRun gap;
    gap.id = {first, t0 + 25s, 1};
    gap.state = RunState::skipped;
    gap.reason = parse_reason("too late");
    gap.fires = 4;
    gap.gap_end = t0 + 28s;
    gap.dispatched_at = t0;
    step.runs.push_back(gap);
    PlannedRun asked;
    asked.id = {second, t0 + 26s + 123ms, 1};
    asked.run_server = node_1;
    asked.dispatched_at = t0;
    asked.requested_by = "ann (127.0.0.1)";
    step.runs.push_back(asked);
    store.commit(step);
    store.delete_job(deleted, t0);

    std::vector<RunReport> reports;
    for (int i = 0; i < 18; ++i) {
        const RunState state = i % 5 == 1   ? RunState::failed
                               : i % 5 == 2 ? RunState::killed
                                            : RunState::success;
        reports.push_back(report(step.runs[static_cast<std::size_t>(i)].id, state,
                                 fmt::format("line {}\n' \" \\ 世界\n", i)));
    }
    store.record(reports);

    // Of two runs another node has something else to say.
    for (const std::size_t i : {2U, 3U}) {
        reports[i].run_server = "10.0.0.2:9991";
        reports[i].output = "it's another one";
        store.record({&reports[i], 1});
    }
}

/// A database of either kind, by its address.
class Database {
public:
    virtual ~Database() = default;
    virtual StoreAddress address() const = 0;
    virtual std::unique_ptr<Store> open_store() const = 0;

    std::unique_ptr<StoreImage> image() const { return open_image(address(), Missing::is_made); }
};

class Mysql final : public Database {
public:
    Mysql() { image(); }
    Mysql(const Mysql&) = delete;
    Mysql& operator=(const Mysql&) = delete;
    ~Mysql() override { testing::drop_database(settings_); }

    StoreAddress address() const override { return settings_; }
    std::unique_ptr<Store> open_store() const override
    {
        return std::make_unique<MysqlStore>(settings_);
    }
    void execute(const std::string& sql) const { MysqlConnection(settings_).execute(sql); }
    std::int64_t number(const std::string& sql) const
    {
        MysqlConnection connection(settings_);
        MysqlRows rows = connection.query(sql);
        rows.next();
        return rows.integer(0);
    }

private:
    MysqlSettings settings_ =
        testing::settings_for(testing::DatabaseServer::shared(), testing::new_database_name());
};

class Sqlite final : public Database {
public:
    Sqlite() { image(); }

    StoreAddress address() const override { return settings_; }
    std::unique_ptr<Store> open_store() const override
    {
        return std::make_unique<SqliteStore>(settings_);
    }

private:
    testing::TemporaryFolder folder_;
    SqliteSettings settings_{folder_.path() / "peercron.db"};
};

void copy(const Database& from, const Database& to)
{
    const auto source = from.image();
    const auto target = to.image();
    copy_store(*source, *target, no_progress);
}

void expect_same(const Database& a, const Database& b)
{
    const auto one = a.image();
    const auto two = b.image();
    EXPECT_EQ(one->jobs_after(0, 1000), two->jobs_after(0, 1000));
    EXPECT_EQ(one->rows_after(0, 1000), two->rows_after(0, 1000));
    EXPECT_EQ(one->other_accounts_after(0, 1000), two->other_accounts_after(0, 1000));
    EXPECT_THAT(two->other_accounts_after(0, 1), SizeIs(one->totals().other_accounts == 0 ? 0 : 1));
    EXPECT_EQ(one->revisions_after(0, 1000), two->revisions_after(0, 1000));
    EXPECT_EQ(one->term().epoch, two->term().epoch);
    EXPECT_EQ(one->term().planned_through, two->term().planned_through);
}

TEST(CopyTest, EverythingArrivesAndComesBack)
{
    const Sqlite here;
    const Mysql there;
    const Sqlite back;
    fill(*here.open_store());

    copy(here, there);
    copy(there, back);

    ASSERT_THAT(here.image()->jobs_after(0, 1000), SizeIs(3));
    ASSERT_THAT(here.image()->rows_after(0, 1000), SizeIs(22));
    ASSERT_THAT(here.image()->revisions_after(0, 1000), SizeIs(5));
    EXPECT_EQ(here.image()->jobs_after(1, 1).front().counters.run_num, 9);
    expect_same(here, there);
    expect_same(here, back);
}

TEST(CopyTest, AnEmptyDatabaseIsCopiedToo)
{
    const Sqlite here;
    const Mysql there;
    copy(here, there);
    expect_same(here, there);
}

TEST(CopyTest, ChannelsAndLimitsOfLocksArriveOnce)
{
    const Sqlite here;
    const Mysql there;
    NoticeChannel channel;
    channel.name = "ops";
    channel.kind = "webhook";
    channel.settings = {{"url", "https://example.com/a"}, {"secret", "it's"}};
    channel.tags = {"db"};
    here.open_store()->notices().add_channel(channel);
    const LockLimit lock{"ftp", 4, "ops", t0};
    here.open_store()->locks().set_limit(lock);
    copy(here, there);
    copy(here, there);
    auto found = there.open_store()->notices().channels();
    ASSERT_THAT(found, SizeIs(1));
    found[0].id = 0;
    EXPECT_EQ(found[0], channel);
    EXPECT_EQ(there.open_store()->locks().limits(), std::vector{lock});
    channel.name = "other";
    here.open_store()->notices().add_channel(channel);
    EXPECT_THROW(copy(here, there), StoreError);
}

TEST(CopyTest, CalendarsComeAlongWithWhatTheySaidBefore)
{
    const Sqlite here;
    const Mysql there;
    Calendar calendar;
    calendar.name = "freeze";
    calendar.dates = "12-24";
    calendar.ical = "it's";
    calendar.set_by = "ops";
    calendar.set_at = t0;
    here.open_store()->calendars().put_calendar(calendar);
    calendar.dates = "12-25";
    calendar.set_at = t0 + 1h;
    here.open_store()->calendars().put_calendar(calendar);
    copy(here, there);
    copy(here, there);
    EXPECT_EQ(there.open_store()->calendars().versions_of("freeze"),
              here.open_store()->calendars().versions_of("freeze"));
    here.open_store()->calendars().end_calendar("freeze", t0 + 2h, "ann");
    EXPECT_THROW(copy(here, there), StoreError);
}

TEST(CopyTest, AccountsAndTokensComeAlongAndSessionsDoNot)
{
    const Sqlite here;
    const Mysql there;
    UserAccount account;
    account.name = "ada";
    account.password = "$y$j9T$it's";
    account.sso = true;
    account.identity = "17 https://id.example";
    account.role = Role::owner;
    account.created_at = t0;
    AccessToken token;
    token.name = "deploy";
    token.digest = std::string(64, 'a');
    token.tags = {"web"};
    token.created_at = t0;
    const auto source = here.open_store();
    account.id = source->accounts().add_account(account).id;
    source->accounts().add_token(token);
    source->accounts().add_session({"secret", account.id, t0, t0});
    copy(here, there);
    copy(here, there);
    const auto target = there.open_store();
    auto accounts = target->accounts().accounts();
    ASSERT_THAT(accounts, SizeIs(1));
    EXPECT_EQ(accounts[0].signed_in_at, t0);
    EXPECT_EQ(accounts[0].password, account.password);
    EXPECT_TRUE(accounts[0].sso);
    EXPECT_EQ(accounts[0].identity, account.identity);
    ASSERT_THAT(target->accounts().tokens(), SizeIs(1));
    EXPECT_EQ(target->accounts().tokens()[0].tags, token.tags);
    EXPECT_FALSE(target->accounts().find_session("secret"));
    account.name = "bob";
    source->accounts().add_account(account);
    EXPECT_THROW(copy(here, there), StoreError);
}

TEST(CopyTest, AJobKeepsTheMomentFromWhichItIsEffective)
{
    const Mysql here;
    const Sqlite there;
    const auto store = here.open_store();
    const JobId id = store->add_job(daily(), t0).id;

    copy(here, there);

    EXPECT_EQ(there.open_store()->find_job(id)->effective_from, t0);
}

TEST(CopyTest, ADispatcherGoesOnWithWhatWasOpen)
{
    const Sqlite here;
    const Mysql there;
    fill(*here.open_store());
    copy(here, there);

    const auto store = there.open_store();
    const TermStart start = store->begin_term(8, "10.0.0.1:9991");

    EXPECT_EQ(start.planned_through, t0 + 30s);
    EXPECT_THAT(start.open_runs, SizeIs(3));
    EXPECT_EQ(start.open_runs.back().planned.requested_by, "ann (127.0.0.1)");
    ASSERT_THAT(start.run_numbers, SizeIs(1));
    EXPECT_EQ(start.run_numbers.front().second, 9);
}

TEST(CopyTest, WhichClocksHadBeenAheadIsKept)
{
    const Sqlite here;
    const Mysql there;
    const Sqlite back;
    const auto store = here.open_store();
    store->begin_term(1, node_1);
    PlanStep step;
    step.epoch = 1;
    step.planned_through = t0 + 24h;
    store->commit(step);
    StepBack order;
    order.own_clock = [] { return t0; };
    order.margin = 4s;
    order.sets_plan = true;
    order.limit = 10;
    store->step_back(1, order);

    copy(here, there);
    copy(there, back);

    const std::vector<ClockStep> steps{{t0, t0 + 24h, 0}};
    EXPECT_EQ(there.open_store()->ledger_extent().clock_steps, steps);
    EXPECT_EQ(back.open_store()->ledger_extent().clock_steps, steps);
}

TEST(CopyTest, NoJobGetsAnIdThatTheLedgerKnows)
{
    for (const bool to_mysql : {true, false}) {
        const Sqlite here;
        std::unique_ptr<Database> there;
        if (to_mysql) {
            there = std::make_unique<Mysql>();
        } else {
            there = std::make_unique<Sqlite>();
        }
        fill(*here.open_store());  // job 4 has run, and is deleted
        copy(here, *there);
        const Job added = there->open_store()->add_job(daily(), t0);
        EXPECT_EQ(added.id, 5);
    }
}

TEST(CopyTest, PausesArriveOnce)
{
    const Sqlite here;
    const Mysql there;
    Pause pause;
    pause.tag = "db";
    pause.begins_at = t0;
    pause.until = t0 + 1h;
    pause.reason = "it's";
    pause.made_by = "ops";
    pause.ended_at = t0 + 1min;
    pause.ended_by = "ann";
    here.open_store()->pauses().add_pause(pause);
    copy(here, there);
    copy(here, there);
    auto found = there.open_store()->pauses().pauses_after(WallTime());
    ASSERT_EQ(found.size(), 1U);
    found[0].id = 0;
    EXPECT_EQ(found[0], pause);
    pause.tag = "other";
    here.open_store()->pauses().add_pause(pause);
    EXPECT_THROW(copy(here, there), StoreError);
}

TEST(CopyTest, RowsOfWingCrontabStayWhatTheyAre)
{
    const Mysql here;
    const Sqlite between;
    const Mysql there;
    here.execute(
        "INSERT INTO log (cron_id, time, output, use_time, run_server)"
        " VALUES (3, 1700000000, 'old', 12, '10.0.0.7:9989'), (3, 1700000000, 'twice', 1, '')");

    copy(here, between);
    copy(between, there);

    expect_same(here, there);
    EXPECT_THAT(between.image()->rows_after(0, 10), Each(::testing::Field(&LogRow::legacy, true)));
    EXPECT_EQ(there.number("SELECT COUNT(*) FROM log WHERE scheduled_at IS NULL"), 2);
}

TEST(CopyTest, LongOutputsDoNotFillTheMemory)
{
    const std::string output(5U << 20U, 'x');
    const Sqlite here;
    const Mysql there;
    {
        const auto store = here.open_store();
        std::vector<RunReport> reports;
        for (int i = 0; i < 5; ++i) {
            reports.push_back(report({1, t0 + i * 1s, 1}, RunState::success, output));
        }
        store->record(reports);
    }
    EXPECT_THAT(here.image()->rows_after(0, 500), SizeIs(2));

    copy(here, there);

    EXPECT_THAT(there.image()->rows_after(0, 500), SizeIs(2));
    EXPECT_EQ(there.number("SELECT SUM(LENGTH(output)) FROM log"), 5 * std::ssize(output));
}

/// A target whose connection is lost at one of its changes.
class Interrupted final : public StoreImage {
public:
    Interrupted(StoreImage& image, int changes) : image_(image), changes_left_(changes) {}

    StoreTotals totals() override { return image_.totals(); }
    std::vector<Job> jobs_after(JobId after, std::size_t limit) override
    {
        return image_.jobs_after(after, limit);
    }
    std::vector<LogRow> rows_after(std::int64_t after, std::size_t limit) override
    {
        return image_.rows_after(after, limit);
    }
    std::vector<Revision> revisions_after(std::int64_t after, std::size_t limit) override
    {
        return image_.revisions_after(after, limit);
    }
    std::vector<OtherAccount> other_accounts_after(std::int64_t after, std::size_t limit) override
    {
        return image_.other_accounts_after(after, limit);
    }
    StoredTerm term() override { return image_.term(); }
    NoticeStore& notices() override { return image_.notices(); }
    PauseStore& pauses() override { return image_.pauses(); }
    AccountStore& accounts() override { return image_.accounts(); }
    LockStore& locks() override { return image_.locks(); }
    CalendarStore& calendars() override { return image_.calendars(); }
    void append_jobs(std::span<const Job> jobs) override
    {
        use_up();
        image_.append_jobs(jobs);
    }
    void append_revisions(std::span<const Revision> revisions) override
    {
        use_up();
        image_.append_revisions(revisions);
    }
    void append_rows(std::span<const LogRow> rows) override
    {
        use_up();
        image_.append_rows(rows);
    }
    void append_other_accounts(std::span<const OtherAccount> accounts) override
    {
        use_up();
        image_.append_other_accounts(accounts);
    }
    void finish(const StoredTerm& term) override
    {
        use_up();
        image_.finish(term);
    }

private:
    void use_up()
    {
        if (changes_left_-- == 0) throw StoreError("the connection is lost");
    }

    StoreImage& image_;
    int changes_left_;
};

TEST(CopyTest, GoesOnWhereItWasCutOff)
{
    const Sqlite here;
    {
        const auto store = here.open_store();
        fill(*store);
        std::vector<RunReport> reports;
        for (int i = 0; i < 1200; ++i) {
            reports.push_back(report({1, t0 + 1h + i * 1s, 1}, RunState::success, "x"));
        }
        store->record(reports);
    }
    // One transaction of jobs, one of their history, three of rows, the term.
    for (int changes = 0; changes < 6; ++changes) {
        const Mysql there;
        const auto source = here.image();
        const auto target = there.image();
        Interrupted interrupted(*target, changes);
        EXPECT_THROW(copy_store(*source, interrupted, no_progress), StoreError) << changes;

        std::vector<CopyProgress> progress;
        copy_store(*source, *target, [&](const CopyProgress& now) { progress.push_back(now); });

        EXPECT_EQ(target->totals(), source->totals());
        EXPECT_EQ(progress.front().jobs, changes == 0 ? 0 : 3);
        EXPECT_EQ(progress.front().rows, std::min(1222, std::max(0, changes - 2) * 500));
        EXPECT_EQ(progress.back().rows, 1222);
        EXPECT_EQ(progress.back().all_rows, 1222);
        EXPECT_TRUE(progress.back().comparing);
        EXPECT_FALSE(progress.front().comparing);
    }
}

TEST(CopyTest, ASecondCopyChangesNothing)
{
    const Sqlite here;
    const Mysql there;
    fill(*here.open_store());
    copy(here, there);
    copy(here, there);
    expect_same(here, there);
}

TEST(CopyTest, ATargetWithSomethingElseIsRefusedAndStays)
{
    const Sqlite here;
    const Mysql there;
    fill(*here.open_store());
    there.open_store()->add_job(daily(), t0);

    EXPECT_THAT(what_of([&] { copy(here, there); }),
                HasSubstr("the target has a different job 1 than the source"));

    EXPECT_EQ(there.number("SELECT COUNT(*) FROM cron"), 1);
    EXPECT_EQ(there.number("SELECT COUNT(*) FROM log"), 0);
}

TEST(CopyTest, ALedgerOfSomethingElseIsRefused)
{
    const Sqlite here;
    const Sqlite there;
    fill(*here.open_store());
    const std::vector reports{report({77, t0, 1}, RunState::success, "")};
    there.open_store()->record(reports);

    EXPECT_THAT(what_of([&] { copy(here, there); }),
                HasSubstr("the target has a different row of the log 1 than the source"));
}

TEST(CopyTest, WhatIsDifferentSinceAnEarlierCopyIsNoticed)
{
    const auto refused_after = [](const std::string& change) {
        const Sqlite here;
        const Mysql there;
        fill(*here.open_store());
        copy(here, there);
        there.execute(change);
        return what_of([&] { copy(here, there); });
    };
    EXPECT_THAT(refused_after("UPDATE cron SET command = 'other' WHERE id = 1"),
                HasSubstr("a different job 1 than"));
    EXPECT_THAT(refused_after("UPDATE cron_counter SET run_num = 77 WHERE cron_id = 2"),
                HasSubstr("a different job 2 than"));
    EXPECT_THAT(refused_after("UPDATE log SET exit_code = 9 WHERE id = 5"),
                HasSubstr("a different row of the log 5 than"));
    EXPECT_THAT(refused_after("UPDATE log SET output = 'other' WHERE id = 1"),
                HasSubstr("a different row of the log 1 than"));
    EXPECT_THAT(refused_after("UPDATE cron_revision SET author = 'me' WHERE id = 3"),
                HasSubstr("a different revision 3 than"));
}

TEST(CopyTest, AChangeMeanwhileIsNoticed)
{
    const Sqlite here;
    const Sqlite there;
    fill(*here.open_store());
    const auto source = here.image();
    const auto target = there.image();
    const auto writer = here.open_store();
    bool done = false;
    const auto meddle = [&](const CopyProgress& progress) {
        if (progress.rows == 0 || std::exchange(done, true)) return;
        const std::vector reports{report({1, t0 + 5h, 1}, RunState::success, "")};
        writer->record(reports);
    };
    EXPECT_THAT(what_of([&] { copy_store(*source, *target, meddle); }), HasSubstr("was changed"));
}

TEST(CopyTest, ADatabaseInUseIsRefused)
{
    const Sqlite here;
    const auto node = here.image();
    EXPECT_THAT(what_of([&] { here.image(); }), HasSubstr("is in use by process"));
}

TEST(CopyTest, ASourceThatIsMissingIsNotMade)
{
    const testing::TemporaryFolder folder;
    const SqliteSettings missing{folder.path() / "missing.db"};
    EXPECT_THAT(what_of([&] { open_image(missing, Missing::is_an_error); }),
                HasSubstr("there is no SQLite database"));
    EXPECT_FALSE(std::filesystem::exists(missing.path));
}

}  // namespace
}  // namespace peercron
