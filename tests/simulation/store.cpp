#include "simulation/store.hpp"

#include "base/timer.hpp"
#include "simulation/unused_store.hpp"
#include "store/backfill_store.hpp"
#include "store/calendar_store.hpp"
#include "store/lock_store.hpp"
#include "store/pause_store.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace peercron::simulation {
namespace {

constexpr auto latest_effect = 1500ms;  // of a statement whose caller has given up
constexpr auto lookahead = 2s;          // DispatchSettings

/// The calls about pauses.
class PauseCalls final : public PauseStore {
public:
    std::function<std::vector<Pause>()> on_read;
    std::function<Pause(const Pause&)> on_add;
    std::function<std::vector<Pause>(WallTime)> on_end;

    std::vector<Pause> pauses_after(WallTime /*time*/) override
    {
        throw std::logic_error("the simulation's database has no answer to this");
    }
    std::vector<Pause> pauses_of_plan() override { return on_read(); }
    Pause add_pause(const Pause& pause) override { return on_add(pause); }
    std::vector<Pause> end_pauses(const PauseChoice& /*choice*/, WallTime at,
                                  const std::string& /*by*/) override
    {
        return on_end(at);
    }
};

/// The calls about calendars.
class CalendarCalls final : public CalendarStore {
public:
    std::function<CalendarStamp()> on_look;
    std::function<std::vector<Calendar>()> on_read;
    std::function<Calendar(const Calendar&)> on_put;

    CalendarStamp calendar_stamp() override { return on_look(); }
    std::vector<Calendar> calendars_of_plan() override { return on_read(); }
    Calendar put_calendar(const Calendar& calendar) override { return on_put(calendar); }
    std::vector<Calendar> calendars_after(WallTime /*time*/) override { unexpected(); }
    std::vector<Calendar> versions_of(const std::string& /*name*/) override { unexpected(); }
    std::optional<Calendar> end_calendar(const std::string& /*name*/, WallTime /*at*/,
                                         const std::string& /*by*/) override
    {
        unexpected();
    }
    void append_calendar(const Calendar& /*calendar*/) override { unexpected(); }
    std::vector<CalendarUser> calendar_users() override { unexpected(); }

private:
    [[noreturn]] static void unexpected() { throw std::logic_error("only the API asks this"); }
};

/// The limits of locks, which a scenario sets before it begins.
class FixedLocks final : public LockStore {
public:
    explicit FixedLocks(std::vector<LockLimit> limits) : limits_(std::move(limits)) {}

    std::vector<LockLimit> limits() override { return limits_; }
    void set_limit(const LockLimit& /*limit*/) override { unexpected(); }
    bool delete_limit(const std::string& /*name*/) override { unexpected(); }
    std::vector<LockUser> users() override { unexpected(); }
    std::vector<OpenLockRun> open_runs() override { unexpected(); }

private:
    [[noreturn]] static void unexpected() { throw std::logic_error("only the API asks this"); }

    std::vector<LockLimit> limits_;
};

/// Nobody asks for any.
class NoBackfills final : public BackfillStore {
public:
    Backfill add(const Backfill& /*draft*/, std::span<const WallTime> /*fires*/) override
    {
        unexpected();
    }
    std::vector<BackfillWork> work(std::size_t /*limit*/) override { return {}; }
    bool end(std::int64_t /*id*/, BackfillState /*state*/, const std::string& /*why*/,
             WallTime /*at*/) override
    {
        unexpected();
    }
    std::vector<BackfillProgress> list(JobId /*job*/, std::size_t /*limit*/) override
    {
        unexpected();
    }
    std::optional<BackfillProgress> find(std::int64_t /*id*/) override { unexpected(); }

private:
    [[noreturn]] static void unexpected() { throw std::logic_error("there are no backfills"); }
};

}  // namespace

/// Finds out what a job is going to do, by having it try where nothing happens. These jobs make
/// calls of one kind and change nothing but their result. What would be written is copied if
/// `is_last_chance`, for a job whose caller is about to go.
class StoreLine::Rehearsal final : public UnusedStore {
public:
    enum class What : std::uint8_t { read, read_jobs, begin, commit, step_back, record, change };

    explicit Rehearsal(const StoreSessions::Job& job, bool is_last_chance = false)
        : is_last_chance_(is_last_chance)
    {
        pauses_.on_read = [] { return std::vector<Pause>(); };
        pauses_.on_add = [this](const Pause& pause) {
            note(What::change, [&]() -> Write {
                return [pause](Database& database, auto&) { database.add_pause(pause); };
            });
            return pause;
        };
        pauses_.on_end = [this](WallTime at) {
            note(What::change, [&]() -> Write {
                return [at](Database& database, auto&) { database.end_pauses(at); };
            });
            return std::vector<Pause>();
        };
        // Always news, so that what is read then is rehearsed, too.
        calendars_.on_look = [] { return CalendarStamp{-1, 0}; };
        calendars_.on_read = [] { return std::vector<Calendar>(); };
        calendars_.on_put = [this](const Calendar& calendar) {
            note(What::change, [&]() -> Write {
                return [calendar](Database& database, auto&) { database.put_calendar(calendar); };
            });
            return calendar;
        };
        job(*this);
    }

    What what = What::read;
    Epoch epoch = 0;
    NodeName dispatcher;
    StepId step;
    using Write = std::function<void(Database&, const std::function<WallTime()>& machine_clock)>;
    Write write;

    /// Whether it needs the row of table term.
    bool locks_term() const
    {
        return what == What::begin || what == What::commit || what == What::step_back;
    }

    void ping() override {}
    std::vector<Job> find_jobs_by_id(std::span<const JobId> /*ids*/) override { return {}; }
    Job add_job(const Job& draft, const Edit& edit) override
    {
        note(What::change, [&]() -> Write {
            return
                [draft, at = edit.at()](Database& database, auto&) { database.add_job(draft, at); };
        });
        return {};
    }
    std::vector<Job> update_jobs(std::span<const JobId> ids, const JobPatch& patch,
                                 const Edit& edit) override
    {
        note(What::change, [&]() -> Write {
            const std::vector<JobId> each(ids.begin(), ids.end());
            return [each, patch, at = edit.at()](Database& database, auto&) {
                for (const JobId id : each) database.update_job(id, patch, at);
            };
        });
        return {};
    }
    std::optional<Job> delete_job(JobId id, const Edit& edit) override
    {
        note(What::change, [&]() -> Write {
            return [id, at = edit.at()](Database& database, auto&) { database.delete_job(id, at); };
        });
        return {};
    }
    JobChanges changes_since(const JobCursor& /*cursor*/) override
    {
        what = What::read_jobs;
        return {};
    }
    std::vector<JobId> job_ids() override { return {}; }
    std::vector<JobId> known_jobs() override { return {}; }
    std::size_t note_changes(std::span<const JobId> /*ids*/, WallTime /*now*/) override
    {
        return 0;  // the simulation changes no job behind the API's back
    }
    TermStart begin_term(Epoch begun, const NodeName& by) override
    {
        what = What::begin;
        epoch = begun;
        dispatcher = by;
        return {};
    }
    void commit_as(Epoch as, const PlanStep& planned) override
    {
        epoch = as;
        step = planned.id();
        note(What::commit, [&]() -> Write {
            return [as, planned](Database& database, auto&) { database.commit_as(as, planned); };
        });
    }
    std::optional<WallTime> clock() override { return {}; }
    SteppedBack step_back(Epoch as, const StepBack& order) override
    {
        note(What::step_back, [&]() -> Write {
            return [as, order](Database& database, auto& machine_clock) {
                StepBack late = order;
                late.own_clock = machine_clock;
                database.step_back(as, late);
            };
        });
        return {};
    }
    std::vector<RunId> runs_to_repeat(WallTime /*since*/) override { return {}; }
    std::vector<FailedRun> runs_to_retry(WallTime /*since*/) override { return {}; }
    std::vector<DaemonStart> daemon_starts(std::span<const JobId> /*jobs*/) override { return {}; }
    std::vector<ChainRow> chain_rows(std::span<const ChainEdge> /*edges*/,
                                     WallTime /*since*/) override
    {
        return {};
    }
    std::optional<LogRow> find_newest_attempt(const RunId& /*run*/) override { return {}; }
    std::optional<Job> find_job_by_name(const std::string& /*name*/) override { return {}; }
    std::vector<LogRow> job_rows_before(JobId /*job*/, WallTime /*before*/,
                                        std::size_t /*limit*/) override
    {
        return {};
    }
    std::vector<DoubledRun> record(std::span<const RunReport> reports) override
    {
        note(What::record, [&]() -> Write {
            const std::vector<RunReport> copy(reports.begin(), reports.end());
            return [copy](Database& database, auto&) { database.record(copy); };
        });
        return {};
    }
    std::vector<JobPast> find_pasts(const PastQuery& /*query*/) override { return {}; }
    PauseStore& pauses() override { return pauses_; }
    LockStore& locks() override { return locks_; }
    CalendarStore& calendars() override { return calendars_; }
    BackfillStore& backfills() override { return backfills_; }

private:
    template <class Copy>
    void note(What found, Copy copy)
    {
        what = found;
        if (is_last_chance_) write = copy();
    }

    const bool is_last_chance_;
    PauseCalls pauses_;
    CalendarCalls calendars_;
    FixedLocks locks_{{}};
    NoBackfills backfills_;
};

/// The database, as a job sees it whose caller waits.
class StoreLine::Session final : public UnusedStore {
public:
    /// `sent`: when the call was made, by the caller's clock.
    Session(StoreLine& line, WallTime sent) : line_(line), database_(line.database_), sent_(sent)
    {
        pauses_.on_read = [this] { return database_.pauses(); };
        pauses_.on_add = [this](const Pause& pause) { return database_.add_pause(pause); };
        pauses_.on_end = [this](WallTime at) { return database_.end_pauses(at); };
        calendars_.on_look = [this] { return database_.calendar_stamp(); };
        calendars_.on_read = [this] { return database_.calendars(); };
        calendars_.on_put = [this](const Calendar& calendar) {
            return database_.put_calendar(calendar);
        };
    }

    void ping() override {}
    std::vector<Job> find_jobs_by_id(std::span<const JobId> ids) override
    {
        return database_.find_jobs(ids);
    }
    Job add_job(const Job& draft, const Edit& edit) override
    {
        return database_.add_job(draft, edit.at());
    }
    std::vector<Job> update_jobs(std::span<const JobId> ids, const JobPatch& patch,
                                 const Edit& edit) override
    {
        std::vector<Job> changed;
        for (const JobId id : ids) {
            if (auto job = database_.update_job(id, patch, edit.at())) {
                changed.push_back(*std::move(job));
            }
        }
        return changed;
    }
    std::optional<Job> delete_job(JobId id, const Edit& edit) override
    {
        database_.delete_job(id, edit.at());
        return std::nullopt;
    }
    JobChanges changes_since(const JobCursor& cursor) override
    {
        return database_.changes_since(cursor);
    }
    std::vector<JobId> job_ids() override { return database_.job_ids(); }
    std::vector<JobId> known_jobs() override { return database_.job_ids(); }
    std::size_t note_changes(std::span<const JobId> /*ids*/, WallTime /*now*/) override
    {
        return 0;
    }
    /// The term is claimed by then: see Request::claim().
    TermStart begin_term(Epoch epoch, const NodeName& /*dispatcher*/) override
    {
        TakeOver& take_over = line_.take_over_;
        TermStart found = database_.read_term();
        if (take_over.epoch != epoch) {
            take_over = TakeOver();
            take_over.epoch = epoch;
            take_over.found = found;
            if (line_.mutation_ == Mutation::plans_without_most && found.planned_through) {
                const WallTime now = database_.clock().value_or(sent_);
                found.planned_through = std::max(*found.planned_through, now + lookahead);
            }
        } else if (line_.mutation_ == Mutation::reads_rows_first && !take_over.is_over) {
            found = take_over.found;
        }
        return found;
    }
    void commit_as(Epoch epoch, const PlanStep& step) override { database_.commit_as(epoch, step); }
    std::optional<WallTime> clock() override
    {
        if (line_.mutation_ == Mutation::trusts_its_clock) return std::nullopt;
        return database_.clock();
    }
    SteppedBack step_back(Epoch epoch, const StepBack& order) override
    {
        if (line_.mutation_ == Mutation::keeps_the_plan && order.sets_plan) return {};
        StepBack by_clock = order;
        if (line_.mutation_ == Mutation::steps_back_late) {
            by_clock.own_clock = [sent = sent_] { return sent; };
        }
        return database_.step_back(epoch, by_clock);
    }
    std::vector<RunId> runs_to_repeat(WallTime since) override
    {
        if (line_.mutation_ == Mutation::forgets_runs_to_repeat) return {};
        return database_.runs_to_repeat(since);
    }
    std::vector<FailedRun> runs_to_retry(WallTime since) override
    {
        if (line_.mutation_ == Mutation::forgets_failed) return {};
        return database_.failed(since);
    }
    std::vector<DaemonStart> daemon_starts(std::span<const JobId> jobs) override
    {
        if (line_.mutation_ == Mutation::forgets_daemon_ends) return {};
        std::vector<DaemonStart> starts = database_.daemon_starts(jobs);
        if (line_.mutation_ == Mutation::gives_lost_daemons_up) {
            for (DaemonStart& start : starts) {
                if (start.state != RunState::lost) continue;
                start.state = RunState::skipped;
                start.cause = Cause::start_limit;
            }
        }
        return starts;
    }
    std::vector<ChainRow> chain_rows(std::span<const ChainEdge> edges, WallTime since) override
    {
        if (line_.mutation_ == Mutation::forgets_chains) return {};
        return database_.chain_rows(edges, since);
    }
    std::optional<LogRow> find_newest_attempt(const RunId& run) override
    {
        return database_.newest_attempt(run);
    }
    std::optional<Job> find_job_by_name(const std::string& name) override
    {
        return database_.find_job_by_name(name);
    }
    std::vector<LogRow> job_rows_before(JobId job, WallTime before, std::size_t limit) override
    {
        return database_.job_rows_before(job, before, limit);
    }
    std::vector<DoubledRun> record(std::span<const RunReport> reports) override
    {
        database_.record(reports);
        return {};  // the judge notices
    }
    std::vector<JobPast> find_pasts(const PastQuery& query) override
    {
        return {database_.find_past(query)};
    }
    PauseStore& pauses() override { return pauses_; }
    LockStore& locks() override { return locks_; }
    CalendarStore& calendars() override { return calendars_; }
    BackfillStore& backfills() override { return backfills_; }

private:
    PauseCalls pauses_;
    CalendarCalls calendars_;
    StoreLine& line_;
    Database& database_;
    const WallTime sent_;
    FixedLocks locks_{database_.lock_limits};
    NoBackfills backfills_;
};

/// What is on its way: it outlives the call, and its caller.
struct StoreLine::Request {
    StoreLine* line = nullptr;                ///< while the caller waits, and …
    const StoreSessions::Job* job = nullptr;  ///< … what it wants
    Rehearsal::Write left;                    ///< what is left of that afterwards
    WallTime sent{};
    std::exception_ptr refusal;

    /// begin_term() consists of two statements; this is the first.
    void claim(Database& database, Epoch epoch, const NodeName& dispatcher)
    {
        carry_out([&] { database.claim_term(epoch, dispatcher); });
    }

    void take_effect(Database& database, const std::function<WallTime()>& machine_clock)
    {
        if (refusal) return;
        carry_out([&] {
            if (job != nullptr) {
                Session session(*line, sent);
                (*job)(session);
            } else if (left) {
                left(database, machine_clock);
            }
        });
    }

private:
    template <class Work>
    void carry_out(Work work)
    {
        try {
            work();
        } catch (...) {
            refusal = std::current_exception();
        }
    }
};

/// The one who waits for a request: when that ends, however it does, the job must not be run.
class StoreLine::Caller {
public:
    explicit Caller(Request& request) : request_(request) {}
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;
    ~Caller()
    {
        if (!is_answered_) request_.left = Rehearsal(*request_.job, true).write;
        request_.job = nullptr;
        request_.line = nullptr;
    }

    /// The effect is behind us.
    void answered() { is_answered_ = true; }

private:
    Request& request_;
    bool is_answered_ = false;
};

class StoreLine::Sessions final : public StoreSessions {
public:
    Sessions(StoreLine& line, std::size_t count) : line_(line), count_(count) {}
    std::size_t count() const override { return count_; }
    asio::awaitable<void> run(std::size_t /*session*/, const Job& job) override
    {
        return line_.run(job);
    }

private:
    StoreLine& line_;
    const std::size_t count_;
};

std::unique_ptr<StoreSessions> StoreLine::sessions(std::size_t count)
{
    return std::make_unique<Sessions>(*this, count);
}

asio::awaitable<void> StoreLine::run(const StoreSessions::Job& job)
{
    World& world = actor_.world();
    const Rehearsal call(job);
    note_call(call);
    Course course = draw_course(call);
    mistake(call, course);

    const auto clock = user_.machine_clock();
    const auto request = std::make_shared<Request>();
    request->line = this;
    request->job = &job;
    request->sent = clock();
    Caller caller(*request);
    if (course.effect) {
        World::Time when = world.now() + *course.effect;
        if (call.what == Rehearsal::What::begin) {
            world.post(when, [request, &database = database_, epoch = call.epoch,
                              dispatcher = call.dispatcher] {
                request->claim(database, epoch, dispatcher);
            });
            const auto second = world.random.between(100us, weather_.slowest);
            when += second;
            course.answer += second;
        }
        world.post(when, [request, &database = database_, clock] {
            request->take_effect(database, clock);
        });
    }
    // As with a thread: a call that has begun goes on though its caller is cancelled.
    const auto executor = co_await asio::this_coro::executor;
    Timer answer(executor, world.now() + course.answer);
    auto uncancelled = asio::bind_cancellation_slot(asio::cancellation_slot(), asio::use_awaitable);
    co_await answer.async_wait(std::move(uncancelled));

    if (course.failed) throw StoreError("the store did not answer");
    if (!course.is_early) caller.answered();
    if (request->refusal && !course.is_deaf) std::rethrow_exception(request->refusal);
    note_success(call);
}

StoreLine::Course StoreLine::draw_course(const Rehearsal& call)
{
    World& world = actor_.world();
    Random& random = world.random;
    const auto chance = [&](int once_in) {
        return once_in > 0 && random.once_in(static_cast<std::size_t>(once_in));
    };
    Course course;
    course.effect = random.between(100us, weather_.slowest);
    course.answer = *course.effect + random.between(100us, weather_.slowest);
    if (weather_.away || chance(weather_.fails_once_in)) {
        course.failed = true;
        if (weather_.away || random.once_in(2)) course.effect.reset();
        // Refused at once, or not answered at all until the caller gives up.
        if (weather_.away && random.once_in(5)) course.answer = random.between(0us, 3'000'000us);
    } else if (chance(weather_.hangs_once_in)) {
        course.failed = true;
        course.answer = timeout_;
        course.effect = random.between(0us, std::chrono::microseconds(timeout_ + latest_effect));
        if (random.once_in(2)) course.effect.reset();
    }
    if (!course.failed && chance(weather_.late_once_in)) {
        course.answer += random.between(0us, std::chrono::microseconds(timeout_) / 2);
    }
    if (call.locks_term()) {
        wait_for_lock(course);
        if (course.failed || world.traced()) {
            world.trace("store: a call is {}, effect {} us, answer {} us",
                        course.failed ? "failed" : "answered",
                        course.effect ? course.effect->count() / 1000 : -1,
                        course.answer.count() / 1000);
        }
    }
    return course;
}

/// The first call that reaches the row of table term locks it; later ones wait.
void StoreLine::wait_for_lock(Course& course)
{
    if (!course.effect) return;
    const World::Time now = actor_.world().now();
    World::Time& locked = database_.term_locked_until;
    const World::Time::duration wait = locked - now;
    if (wait > timeout_) {
        course.failed = true;
        course.effect.reset();
        course.answer = timeout_;
        return;
    }
    course.effect = std::max(*course.effect, wait);
    if (!course.failed) course.answer = std::max(course.answer, *course.effect);
    locked = now + *course.effect;
}

void StoreLine::mistake(const Rehearsal& call, Course& course) const
{
    using What = Rehearsal::What;
    Random& random = actor_.world().random;
    switch (mutation_) {
        case Mutation::hands_out_uncommitted:
            if (call.what != What::commit || course.failed) break;
            course.is_early = true;
            course.answer = 50us;
            *course.effect += random.between(0us, 500'000us);
            break;
        case Mutation::goes_on_deposed:
            course.is_deaf = call.what == What::commit;
            break;
        case Mutation::drops_failed_reports:
            if (call.what != What::record || !course.failed) break;
            course.failed = false;
            course.is_deaf = true;
            course.is_early = true;
            break;
        case Mutation::steps_back_late: {
            if (call.what != What::step_back || !course.effect) break;
            const auto late = random.between(0us, 5'000'000us);
            *course.effect += late;
            course.answer += late;
            break;
        }
        case Mutation::waits_for_accounts: {
            const bool is_second = call.what == What::begin && take_over_.epoch == call.epoch;
            if (!is_second || take_over_.is_over || user_.is_everybody_there()) break;
            if (course.effect) *course.effect += 20s;
            course.answer += 20s;
            break;
        }
        default:
            break;
    }
}

void StoreLine::note_call(const Rehearsal& call)
{
    using What = Rehearsal::What;
    const bool is_taking_over = call.epoch == take_over_.epoch && take_over_.jobs_read;
    if (call.what == What::begin && is_taking_over && !std::exchange(take_over_.has_asked, true)) {
        user_.has_asked_nodes(call.epoch, *take_over_.jobs_read);
    }
    const bool is_own = call.what == What::commit && call.step.epoch == call.epoch;
    if (!is_own || call.step <= newest_step_) return;
    newest_step_ = call.step;
    // The one before was stored earlier, so this one was made just now.
    if (actor_.world().now() == stored_at_) return;
    planned_step_ = call.step;
    user_.has_planned();
}

void StoreLine::note_success(const Rehearsal& call)
{
    using What = Rehearsal::What;
    if (call.what == What::begin && take_over_.has_asked) take_over_.is_over = true;
    if (call.what == What::read_jobs && take_over_.epoch != 0 && !take_over_.jobs_read) {
        take_over_.jobs_read = actor_.world().now();
    }
    const bool is_own = call.what == What::commit && call.step.epoch == call.epoch;
    if (!is_own) return;
    stored_at_ = actor_.world().now();
    if (call.step == planned_step_) user_.has_stored_plan();
}

}  // namespace peercron::simulation
