#pragma once

#include "base/utf8.hpp"
#include "model/backfill.hpp"
#include "model/missed.hpp"
#include "store/account_store.hpp"
#include "store/backfill_store.hpp"
#include "store/calendar_store.hpp"
#include "store/lock_store.hpp"
#include "store/notice_store.hpp"
#include "store/pause_store.hpp"
#include "store/store.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace peercron::testing {

/// What FakeStore keeps and notes. Used by one session at a time, so that no lock is needed.
struct FakeTables {
    std::map<JobId, Job> jobs;
    std::vector<LogRow> log;  ///< newest first
    JobId last_id = 1000;

    bool away = false;                  ///< every call throws StoreError
    bool slow = false;                  ///< every call throws TookTooLong
    std::function<void()> before_call;  ///< on the store's thread
    std::vector<std::size_t> fetched;   ///< rows returned by each jobs_after()
    std::size_t writes = 0;
    struct LogRead {
        LogFilter filter;
        PageHint hint;
        std::size_t most_output = 0;
    };
    LogRead log_read;  ///< the last page
    /// What count_log() does instead; on the store's thread.
    std::function<ListCount(const LogFilter&, const std::optional<CountRest>&)> count_log;
    std::vector<DoubledRun> doubled;

    std::map<std::string, LockLimit> lock_limits;
    std::vector<Calendar> calendars;
    std::size_t calendar_reads = 0;  ///< calls of calendars_after()
    std::vector<BackfillProgress> backfills;
    std::vector<NoticeChannel> channels;
    std::vector<UserAccount> accounts;
    std::vector<AccessToken> tokens;
    std::vector<Session> sessions;
    std::vector<AccessEvent> events;         ///< oldest first
    std::vector<NoticeDelivery> deliveries;  ///< newest first
    std::vector<Pause> pauses;

    std::vector<Revision> revisions;  ///< oldest first
    std::optional<WallTime> planned_through;
    std::vector<DaemonStart> daemon_starts;

    std::map<JobId, JobStatistics> statistics;
    std::map<JobId, GoalRecord> goals;
    std::map<JobId, Oddities> oddities;
    std::vector<TallyRow> tallies;  ///< by time
    std::vector<BegunTerm> terms;   ///< by time

    void note(const std::optional<Job>& before, const std::optional<Job>& after, const Edit& edit)
    {
        Revision revision;
        revision.id = std::ssize(revisions) + 1;
        revision.job = before ? before->id : after->id;
        revision.effective_from = edit.at();
        revision.by = edit.by;
        if (before) revision.before = definition_of(*before);
        if (after) revision.after = definition_of(*after);
        revisions.push_back(std::move(revision));
    }

    Job& insert(Job job)
    {
        if (job.id == 0) job.id = ++last_id;
        return jobs.insert_or_assign(job.id, job).first->second;
    }
};

/// Its part about notices.
class FakeNotices final : public NoticeStore {
public:
    explicit FakeNotices(FakeTables& tables) : tables_(tables) {}

    std::vector<NoticeChannel> channels() override { return tables_.channels; }
    NoticeChannel add_channel(const NoticeChannel& channel) override
    {
        refuse_taken(channel);
        NoticeChannel added = channel;
        added.id = ++tables_.last_id;
        tables_.channels.push_back(added);
        return added;
    }
    bool update_channel(const NoticeChannel& channel) override
    {
        refuse_taken(channel);
        const auto found = std::ranges::find(tables_.channels, channel.id, &NoticeChannel::id);
        if (found == tables_.channels.end()) return false;
        *found = channel;
        return true;
    }
    bool delete_channel(std::int64_t id) override
    {
        return std::erase_if(tables_.channels,
                             [id](const NoticeChannel& channel) { return channel.id == id; }) > 0;
    }
    std::vector<NoticeDelivery> deliveries(std::int64_t channel, std::size_t limit) override
    {
        std::vector<NoticeDelivery> found;
        for (const NoticeDelivery& delivery : tables_.deliveries) {
            if (delivery.channel == channel && found.size() < limit) found.push_back(delivery);
        }
        return found;
    }

    void begin_looking(Epoch) override { unused(); }
    std::vector<UnseenEnd> unseen_ends(std::size_t) override { unused(); }
    std::vector<JobWatch> watches(std::span<const JobId>) override { unused(); }
    std::vector<JobWatch> due_watches(WallTime, std::size_t) override { unused(); }
    std::vector<JobId> unwatched_jobs(const NoticeDefaults&, JobId, std::size_t) override
    {
        unused();
    }
    std::vector<LogRow> slow_runs(const NoticeDefaults&, WallTime, std::size_t) override
    {
        unused();
    }
    std::vector<LogRow> healthy_daemons(WallTime, std::size_t) override { unused(); }
    void store_seen(Epoch, const Seen&) override { unused(); }
    std::vector<NoticeDelivery> due_deliveries(std::int64_t, WallTime, std::size_t) override
    {
        unused();
    }
    void update_deliveries(std::span<const NoticeDelivery>) override { unused(); }
    std::int64_t count_waiting() override { unused(); }
    std::size_t clean_up(WallTime, std::size_t, std::size_t) override { unused(); }

private:
    [[noreturn]] static void unused() { throw std::logic_error("the API does not call this"); }

    void refuse_taken(const NoticeChannel& channel) const
    {
        for (const NoticeChannel& other : tables_.channels) {
            const bool is_taken = other.name == channel.name && other.id != channel.id;
            if (is_taken) throw_channel_taken(channel.name);
        }
    }

    FakeTables& tables_;
};

/// Its part about pauses.
class FakePauses final : public PauseStore {
public:
    explicit FakePauses(FakeTables& tables) : tables_(tables) {}

    std::vector<Pause> pauses_after(WallTime time) override
    {
        std::vector<Pause> found = tables_.pauses;
        std::erase_if(found, [time](const Pause& pause) { return pause.end() <= time; });
        return found;
    }
    std::vector<Pause> pauses_of_plan() override
    {
        throw std::logic_error("the API does not call this");
    }
    Pause add_pause(const Pause& pause) override
    {
        tables_.pauses.push_back(pause);
        tables_.pauses.back().id = std::ssize(tables_.pauses);
        return tables_.pauses.back();
    }
    std::vector<Pause> end_pauses(const PauseChoice& choice, WallTime at,
                                  const std::string& by) override
    {
        std::vector<Pause> ended;
        for (Pause& pause : tables_.pauses) {
            const bool is_chosen = choice.id ? pause.id == *choice.id
                                             : pause.job == choice.job && pause.tag == choice.tag;
            if (!is_chosen || pause.end() <= at) continue;
            pause.ended_at = at;
            pause.ended_by = by;
            ended.push_back(pause);
        }
        return ended;
    }

private:
    FakeTables& tables_;
};

/// Its part about who may call.
class FakeAccounts final : public AccountStore {
public:
    explicit FakeAccounts(FakeTables& tables) : tables_(tables) {}

    bool is_empty() override { return tables_.accounts.empty() && tables_.tokens.empty(); }
    std::vector<UserAccount> accounts() override { return tables_.accounts; }
    std::optional<UserAccount> find_account(const std::string& name) override
    {
        return find(tables_.accounts, name, &UserAccount::name);
    }
    UserAccount add_account(const UserAccount& account) override
    {
        if (find_account(account.name)) throw_account_taken(account.name);
        UserAccount added = account;
        added.id = ++tables_.last_id;
        tables_.accounts.push_back(added);
        return added;
    }
    bool update_account(const UserAccount& account) override
    {
        const auto there = std::ranges::find(tables_.accounts, account.id, &UserAccount::id);
        if (there == tables_.accounts.end()) return false;
        const bool is_same = there->password == account.password && there->sso == account.sso &&
                             there->identity == account.identity;
        if (!is_same) end_sessions(account.id);
        *there = account;
        return true;
    }
    std::optional<UserAccount> find_account_of(const std::string& identity) override
    {
        return find(tables_.accounts, identity, &UserAccount::identity);
    }
    bool bind_account(std::int64_t id, const std::string& identity,
                      std::optional<Role> role) override
    {
        const auto there = std::ranges::find(tables_.accounts, id, &UserAccount::id);
        if (there == tables_.accounts.end() || !there->sso) return false;
        if (!there->identity.empty() && there->identity != identity) return false;
        there->identity = identity;
        there->role = role.value_or(there->role);
        return true;
    }
    bool delete_account(std::int64_t id) override
    {
        end_sessions(id);
        return std::erase_if(tables_.accounts,
                             [id](const UserAccount& account) { return account.id == id; }) > 0;
    }

    std::vector<AccessToken> tokens() override { return tables_.tokens; }
    std::optional<AccessToken> find_token(const std::string& digest) override
    {
        return find(tables_.tokens, digest, &AccessToken::digest);
    }
    AccessToken add_token(const AccessToken& token) override
    {
        if (find(tables_.tokens, token.name, &AccessToken::name)) throw_token_taken(token.name);
        AccessToken added = token;
        added.id = ++tables_.last_id;
        tables_.tokens.push_back(added);
        return added;
    }
    bool delete_token(std::int64_t id) override
    {
        return std::erase_if(tables_.tokens,
                             [id](const AccessToken& token) { return token.id == id; }) > 0;
    }
    void note_token_use(std::int64_t id, WallTime now) override
    {
        std::ranges::find(tables_.tokens, id, &AccessToken::id)->used_at = now;
    }

    void add_session(const Session& session) override { tables_.sessions.push_back(session); }
    std::optional<SignedIn> find_session(const std::string& digest) override
    {
        const auto session = find(tables_.sessions, digest, &Session::digest);
        if (!session) return std::nullopt;
        return SignedIn{*session, *find(tables_.accounts, session->account, &UserAccount::id)};
    }
    void note_session_use(const std::string& digest, WallTime now) override
    {
        std::ranges::find(tables_.sessions, digest, &Session::digest)->used_at = now;
    }
    bool delete_session(const std::string& digest) override
    {
        return std::erase_if(tables_.sessions, [&digest](const Session& session) {
                   return session.digest == digest;
               }) > 0;
    }

    void add_event(const AccessEvent& event) override { tables_.events.push_back(event); }
    AccessEventPage events(const Slice&) override
    {
        return {{tables_.events.rbegin(), tables_.events.rend()}, std::ssize(tables_.events)};
    }

private:
    template <class Row, class Key>
    static std::optional<Row> find(const std::vector<Row>& rows, const Key& key, Key Row::*member)
    {
        const auto found = std::ranges::find(rows, key, member);
        if (found == rows.end()) return std::nullopt;
        return *found;
    }

    void end_sessions(std::int64_t account)
    {
        std::erase_if(tables_.sessions,
                      [account](const Session& session) { return session.account == account; });
    }

    FakeTables& tables_;
};

/// Its part about locks.
class FakeLocks final : public LockStore {
public:
    explicit FakeLocks(FakeTables& tables) : tables_(tables) {}

    std::vector<LockLimit> limits() override
    {
        std::vector<LockLimit> limits;
        for (const auto& [name, limit] : tables_.lock_limits) limits.push_back(limit);
        return limits;
    }
    void set_limit(const LockLimit& limit) override
    {
        tables_.lock_limits.insert_or_assign(limit.name, limit);
    }
    bool delete_limit(const std::string& name) override
    {
        return tables_.lock_limits.erase(name) > 0;
    }
    std::vector<LockUser> users() override
    {
        std::vector<LockUser> users;
        for (const auto& [id, job] : tables_.jobs) {
            if (!job.locks.empty()) users.push_back({id, job.name, job.locks});
        }
        return users;
    }
    std::vector<OpenLockRun> open_runs() override
    {
        std::vector<OpenLockRun> runs;
        for (auto row = tables_.log.rbegin(); row != tables_.log.rend(); ++row) {
            if (is_final(row->run.state)) continue;
            const auto job = tables_.jobs.find(row->run.id.job);
            if (job == tables_.jobs.end() || job->second.locks.empty()) continue;
            runs.push_back({row->id, row->run.id, row->run.state, row->run.run_server,
                            row->run.started_at, row->retry_at});
        }
        return runs;
    }

private:
    FakeTables& tables_;
};

/// Its part about calendars.
class FakeCalendars final : public CalendarStore {
public:
    explicit FakeCalendars(FakeTables& tables) : tables_(tables) {}

    CalendarStamp calendar_stamp() override
    {
        const auto ended = std::ranges::count_if(tables_.calendars, [](const Calendar& calendar) {
            return calendar.ended_at.has_value();
        });
        return {std::ssize(tables_.calendars), ended};
    }
    std::vector<Calendar> calendars_after(WallTime time) override
    {
        ++tables_.calendar_reads;
        return those([time](const Calendar& calendar) { return calendar.end() > time; });
    }
    std::vector<Calendar> calendars_of_plan() override { return tables_.calendars; }
    std::vector<Calendar> versions_of(const std::string& name) override
    {
        return those([&name](const Calendar& calendar) { return calendar.name == name; });
    }
    Calendar put_calendar(const Calendar& calendar) override
    {
        end_calendar(calendar.name, calendar.set_at, calendar.set_by);
        append_calendar(calendar);
        return tables_.calendars.back();
    }
    std::optional<Calendar> end_calendar(const std::string& name, WallTime at,
                                         const std::string& by) override
    {
        for (Calendar& calendar : tables_.calendars) {
            if (calendar.name != name || calendar.ended_at) continue;
            calendar.ended_at = at;
            calendar.ended_by = by;
            return calendar;
        }
        return std::nullopt;
    }
    void append_calendar(const Calendar& calendar) override
    {
        tables_.calendars.push_back(calendar);
        tables_.calendars.back().id = std::ssize(tables_.calendars);
    }
    std::vector<CalendarUser> calendar_users() override
    {
        std::vector<CalendarUser> users;
        for (const auto& [id, job] : tables_.jobs) {
            if (!job.calendar.empty()) users.push_back({id, job.name, job.calendar});
        }
        return users;
    }

private:
    template <class Filter>
    std::vector<Calendar> those(Filter filter) const
    {
        std::vector<Calendar> found;
        std::ranges::copy_if(tables_.calendars, std::back_inserter(found), filter);
        return found;
    }

    FakeTables& tables_;
};

/// Its part about backfills, none of which has begun.
class FakeBackfills final : public BackfillStore {
public:
    explicit FakeBackfills(FakeTables& tables) : tables_(tables) {}

    Backfill add(const Backfill& draft, std::span<const WallTime> fires) override
    {
        BackfillProgress added{.backfill = draft, .fires = std::ssize(fires)};
        added.backfill.id = std::ssize(tables_.backfills) + 1;
        tables_.backfills.push_back(added);
        return added.backfill;
    }
    std::vector<BackfillWork> work(std::size_t /*limit*/) override
    {
        throw std::logic_error("the API does not call this");
    }
    bool end(std::int64_t id, BackfillState state, const std::string& why, WallTime at) override
    {
        for (BackfillProgress& known : tables_.backfills) {
            Backfill& backfill = known.backfill;
            if (backfill.id != id) continue;
            if (backfill.state == BackfillState::running) {
                backfill.state = state;
                backfill.why = why;
                backfill.ended_at = at;
            }
            return true;
        }
        return false;
    }
    std::vector<BackfillProgress> list(JobId job, std::size_t limit) override
    {
        std::vector<BackfillProgress> found;
        for (auto known = tables_.backfills.rbegin(); known != tables_.backfills.rend(); ++known) {
            if (known->backfill.job == job && found.size() < limit) found.push_back(*known);
        }
        return found;
    }
    std::optional<BackfillProgress> find(std::int64_t id) override
    {
        for (const BackfillProgress& known : tables_.backfills) {
            if (known.backfill.id == id) return known;
        }
        return std::nullopt;
    }

private:
    FakeTables& tables_;
};

/// A store in memory, for the calls that api/ makes.
class FakeStore final : public Store {
public:
    explicit FakeStore(FakeTables& tables)
        : tables_(tables),
          notices_(tables),
          pauses_(tables),
          accounts_(tables),
          locks_(tables),
          calendars_(tables),
          backfills_(tables)
    {}

    LockStore& locks() override
    {
        begin();
        return locks_;
    }
    CalendarStore& calendars() override
    {
        begin();
        return calendars_;
    }
    BackfillStore& backfills() override
    {
        begin();
        return backfills_;
    }

    NoticeStore& notices() override
    {
        begin();
        return notices_;
    }
    PauseStore& pauses() override
    {
        begin();
        return pauses_;
    }
    AccountStore& accounts() override
    {
        begin();
        return accounts_;
    }

    void ping() override { begin(); }

    std::vector<Job> job_page(const JobFilter& filter, const Slice& slice, const PageHint&) override
    {
        begin();
        return part_of(matching_jobs(filter), slice);
    }

    ListCount count_jobs(const JobFilter& filter) override
    {
        begin();
        return {std::ssize(matching_jobs(filter)), {}, {}};
    }

    std::vector<Job> jobs_after(JobId after, std::size_t limit) override
    {
        begin();
        std::vector<Job> jobs;
        for (auto at = tables_.jobs.upper_bound(after);
             at != tables_.jobs.end() && jobs.size() < limit; ++at) {
            jobs.push_back(at->second);
        }
        tables_.fetched.push_back(jobs.size());
        return jobs;
    }

    std::optional<Job> find_job(JobId id) override
    {
        begin();
        const auto found = tables_.jobs.find(id);
        if (found == tables_.jobs.end()) return std::nullopt;
        return found->second;
    }

    std::vector<Job> find_jobs_by_id(std::span<const JobId> ids) override
    {
        std::vector<Job> jobs;
        for (const JobId id : ids) {
            if (auto job = find_job(id)) jobs.push_back(*std::move(job));
        }
        return jobs;
    }

    std::optional<Job> find_job_by_name(const std::string& name) override
    {
        begin();
        for (const auto& [id, job] : tables_.jobs) {
            if (job.name == name) return job;
        }
        return std::nullopt;
    }

    JobCounts job_counts() override
    {
        begin();
        JobCounts count;
        for (const auto& [id, job] : tables_.jobs) {
            ++count.total;
            if (job.stop) ++count.stopped;
        }
        return count;
    }

    Job add_job(const Job& draft, const Edit& edit) override
    {
        begin();
        if (!draft.name.empty() && find_job_by_name(draft.name)) {
            throw NameTaken("a job named '" + draft.name + "' exists already");
        }
        ++tables_.writes;
        Job job = draft;
        job.id = 0;
        job.effective_from = edit.at();
        Job& added = tables_.insert(std::move(job));
        tables_.note({}, added, edit);
        return added;
    }

    std::vector<Job> update_jobs(std::span<const JobId> ids, const JobPatch& patch,
                                 const Edit& edit) override
    {
        begin();
        std::vector<Job> changed;
        for (const JobId id : std::set<JobId>(ids.begin(), ids.end())) {
            const auto found = tables_.jobs.find(id);
            if (found == tables_.jobs.end()) continue;
            Job& job = found->second;
            const Job before = job;
            job = apply(std::move(job), patch);
            job.effective_from = edit.at();
            tables_.note(before, job, edit);
            changed.push_back(job);
        }
        if (!changed.empty()) ++tables_.writes;
        return changed;
    }

    std::optional<Job> delete_job(JobId id, const Edit& edit) override
    {
        begin();
        const auto found = tables_.jobs.find(id);
        if (found == tables_.jobs.end()) return std::nullopt;
        ++tables_.writes;
        Job job = std::move(found->second);
        tables_.jobs.erase(found);
        tables_.note(job, {}, edit);
        return job;
    }

    std::int64_t delete_jobs(std::span<const JobId> ids, const Edit&) override
    {
        begin();
        ++tables_.writes;
        std::int64_t deleted = 0;
        for (const JobId id : ids) deleted += static_cast<std::int64_t>(tables_.jobs.erase(id));
        return deleted;
    }

    Epoch newest_epoch() override { return 0; }

    std::optional<LogRow> find_log_row(std::int64_t id) override
    {
        begin();
        for (const LogRow& row : tables_.log) {
            if (row.id == id) return row;
        }
        return std::nullopt;
    }

    std::optional<LogRow> find_log_row(const RunId& run) override
    {
        begin();
        for (const LogRow& row : tables_.log) {
            if (row.run.id == run) return row;
        }
        return std::nullopt;
    }

    std::optional<LogRow> find_newest_attempt(const RunId& run) override
    {
        begin();
        std::optional<LogRow> newest;
        for (const LogRow& row : tables_.log) {
            const RunId& id = row.run.id;
            const bool is_its = id.job == run.job && id.scheduled_at == run.scheduled_at;
            if (is_its && (!newest || id.attempt > newest->run.id.attempt)) newest = row;
        }
        return newest;
    }

    std::vector<LogRow> log_page(const LogFilter& filter, const Slice& slice, const PageHint& hint,
                                 std::size_t most_output) override
    {
        begin();
        tables_.log_read = {filter, hint, most_output};
        std::vector<LogRow> rows = part_of(matching_rows(filter), slice);
        for (LogRow& row : rows) {
            if (most_output == 0) continue;
            const std::size_t whole = row.run.output.size();
            cut_utf8(row.run.output, most_output);
            row.output_cut = row.run.output.size() < whole;
        }
        return rows;
    }

    ListCount count_log(const LogFilter& filter, const PageHint&,
                        const std::optional<CountRest>& from) override
    {
        begin();
        if (tables_.count_log) return tables_.count_log(filter, from);
        return {std::ssize(matching_rows(filter)), {}, {}};
    }

    JobChanges changes_since(const JobCursor&) override
    {
        begin();
        JobChanges changes;
        for (const auto& [id, job] : tables_.jobs) {
            changes.changed.push_back(job);
            changes.id_sum += id;
        }
        changes.count = std::ssize(tables_.jobs);
        changes.next.changed_at = "1";
        return changes;
    }
    std::vector<JobId> job_ids() override
    {
        begin();
        std::vector<JobId> ids;
        for (const auto& [id, job] : tables_.jobs) ids.push_back(id);
        return ids;
    }
    RevisionPage find_revisions(const RevisionQuery& query) override
    {
        begin();
        RevisionPage page;
        for (auto at = tables_.revisions.rbegin(); at != tables_.revisions.rend(); ++at) {
            const bool is_asked_for = query.deleted_name
                                          ? !at->after && at->before->name == *query.deleted_name
                                          : at->job == query.job;
            if (!is_asked_for) continue;
            const auto index = static_cast<std::size_t>(page.total++);
            const bool fits = index >= query.offset && page.revisions.size() < query.limit;
            if (fits) page.revisions.push_back(*at);
        }
        return page;
    }
    std::vector<JobId> known_jobs() override { unused(); }
    std::size_t note_changes(std::span<const JobId>, WallTime) override { unused(); }
    TermStart begin_term(Epoch, const NodeName&) override { unused(); }
    void commit_as(Epoch, const PlanStep&) override { unused(); }
    std::optional<WallTime> clock() override { return std::nullopt; }
    SteppedBack step_back(Epoch, const StepBack&) override { return {}; }
    std::vector<RunId> runs_to_repeat(WallTime) override { unused(); }
    std::vector<FailedRun> runs_to_retry(WallTime) override { unused(); }
    std::vector<ChainRow> chain_rows(std::span<const ChainEdge>, WallTime) override { unused(); }
    std::vector<DaemonStart> daemon_starts(std::span<const JobId>) override
    {
        return tables_.daemon_starts;
    }
    std::vector<DoubledRun> record(std::span<const RunReport>) override { unused(); }
    std::vector<DoubledRun> find_doubled(const DoubledQuery& query) override
    {
        begin();
        std::vector<DoubledRun> found;
        std::ranges::copy_if(tables_.doubled, std::back_inserter(found),
                             [&](const DoubledRun& run) { return run.other.id > query.after; });
        return found;
    }

    std::size_t delete_expired(std::chrono::seconds, WallTime, std::size_t) override { unused(); }
    LedgerExtent ledger_extent() override
    {
        begin();
        LedgerExtent extent{std::nullopt, tables_.planned_through, {}};
        for (const LogRow& row : tables_.log) {
            const WallTime due = row.run.id.scheduled_at;
            extent.first = std::min(extent.first.value_or(due), due);
        }
        return extent;
    }

    std::vector<JobPast> find_pasts(const PastQuery& query) override
    {
        begin();
        std::map<JobId, JobPast> pasts;
        for (const Revision& revision : tables_.revisions) {
            std::vector<Revision>& revisions = pasts[revision.job].revisions;
            if (revision.effective_from < query.from) revisions.clear();
            revisions.push_back(revision);
        }
        for (const LogRow& row : tables_.log) pasts[row.run.id.job].run_num = 0;
        std::vector<JobPast> page;
        for (auto& [id, past] : pasts) {
            past.job = id;
            const bool asked = query.only ? id == *query.only : id > query.after;
            if (asked && page.size() < query.limit) page.push_back(std::move(past));
        }
        return page;
    }

    std::vector<LedgerEntry> find_entries(const EntryQuery& query) override
    {
        begin();
        std::map<RunId, LedgerEntry> entries;
        for (const LogRow& row : tables_.log) {
            const RunId& id = row.run.id;
            const bool asked = std::ranges::count(query.jobs, id.job) > 0 &&
                               id.scheduled_at >= query.from && id.scheduled_at < query.to &&
                               (!query.after || id > *query.after);
            if (asked) entries.emplace(id, entry_of(row));
        }
        std::vector<LedgerEntry> page;
        for (const auto& [id, entry] : entries) {
            if (page.size() < query.limit) page.push_back(entry);
        }
        return page;
    }

    std::optional<LedgerEntry> newest_entry_before(JobId, WallTime) override
    {
        begin();
        return std::nullopt;
    }

    std::vector<JobInsight> find_insights(std::span<const JobId> ids) override
    {
        begin();
        std::vector<JobInsight> insights;
        for (const JobId id : ids) {
            JobInsight& insight = insights.emplace_back();
            insight.job = id;
            const auto known = tables_.statistics.find(id);
            if (known != tables_.statistics.end()) insight.statistics = known->second;
            const auto goal = tables_.goals.find(id);
            if (goal != tables_.goals.end()) insight.goal = goal->second;
            const auto oddities = tables_.oddities.find(id);
            if (oddities != tables_.oddities.end()) insight.oddities = oddities->second;
            insight.running = std::ranges::count_if(tables_.log, [id](const LogRow& row) {
                return row.run.id.job == id && row.run.state == RunState::running;
            });
        }
        return insights;
    }
    StateCounts count_states() override
    {
        begin();
        StateCounts counts;
        counts.total = std::ssize(tables_.jobs);
        return counts;
    }
    std::vector<std::pair<JobId, std::chrono::milliseconds>> usual_times() override
    {
        begin();
        std::vector<std::pair<JobId, std::chrono::milliseconds>> times;
        for (const auto& [id, statistics] : tables_.statistics) {
            if (const auto usual = statistics.usual_time()) times.emplace_back(id, *usual);
        }
        return times;
    }
    std::vector<TallyRow> find_tallies(std::chrono::sys_seconds from,
                                       std::chrono::sys_seconds to) override
    {
        begin();
        std::vector<TallyRow> found;
        std::ranges::copy_if(tables_.tallies, std::back_inserter(found),
                             [&](const TallyRow& row) { return row.at >= from && row.at < to; });
        return found;
    }
    std::vector<BegunTerm> terms_since(WallTime since, std::size_t) override
    {
        begin();
        std::vector<BegunTerm> found;
        std::ranges::copy_if(tables_.terms, std::back_inserter(found),
                             [&](const BegunTerm& term) { return term.at >= since; });
        return found;
    }
    std::vector<LogRow> job_rows_before(JobId job, WallTime before, std::size_t limit) override
    {
        begin();
        std::vector<LogRow> found;
        for (const LogRow& row : tables_.log) {
            const bool is_it = row.run.id.job == job && row.run.id.scheduled_at < before;
            if (is_it && found.size() < limit) found.push_back(row);
        }
        return found;
    }

private:
    static bool has_any_tag(const Job& job, const std::vector<std::string>& tags)
    {
        return tags.empty() || std::ranges::find_first_of(tags, job.tags) != tags.end();
    }

    std::vector<Job> matching_jobs(const JobFilter& filter) const
    {
        std::vector<Job> found;
        for (const auto& [id, job] : tables_.jobs) {
            const bool fits = !filter.search ||
                              job.command.find(*filter.search) != job.command.npos ||
                              job.remark.get().find(*filter.search) != std::string::npos;
            const auto has = [&job](const WordFilter& one) {
                const FieldValue value = stored_value(*one.field, job);
                const auto& words = std::get<std::vector<std::string>>(value);
                return std::ranges::find(words, one.word) != words.end();
            };
            if (!fits || (filter.name && job.name != *filter.name)) continue;
            if (!has_any_tag(job, filter.any_tag)) continue;
            if (filter.state == JobState::stopped && !job.stop) continue;
            if (std::ranges::all_of(filter.words, has)) found.push_back(job);
        }
        return found;
    }

    std::vector<LogRow> matching_rows(const LogFilter& filter) const
    {
        const auto fits = [this, &filter](const LogRow& row) {
            const RunReport& run = row.run;
            const bool all_states = filter.is_by_id();
            const bool state_fits = filter.state ? run.state == *filter.state
                                                 : all_states || run.state != RunState::planned;
            const bool id_fits =
                (!filter.after_id || row.id > *filter.after_id) &&
                (filter.ids.empty() || std::ranges::find(filter.ids, row.id) != filter.ids.end());
            const bool missed_fits =
                !filter.missed || missed_word(run.state, run.reason.cause, Delivery::at_most_once);
            const auto job = tables_.jobs.find(run.id.job);
            const bool tags_fit =
                !filter.has_tags() ||
                (job != tables_.jobs.end() && has_any_tag(job->second, filter.any_tag) &&
                 (!filter.tag || has_any_tag(job->second, {*filter.tag})));
            const bool unusual_fits =
                (!filter.unusual || row.oddities.any()) &&
                (!filter.oddity || row.oddities.test(static_cast<std::size_t>(*filter.oddity)));
            return state_fits && missed_fits && unusual_fits && id_fits && tags_fit &&
                   (!filter.cron_id || run.id.job == *filter.cron_id) &&
                   (!filter.search || run.output.find(*filter.search) != std::string::npos) &&
                   (!filter.dispatch_server || run.dispatch_server == *filter.dispatch_server) &&
                   (!filter.run_server || run.run_server == *filter.run_server) &&
                   (!filter.from || run.id.scheduled_at >= *filter.from) &&
                   (!filter.to || run.id.scheduled_at < *filter.to);
        };
        std::vector<LogRow> found;
        std::ranges::copy_if(tables_.log, std::back_inserter(found), fits);
        if (filter.after_id) std::ranges::reverse(found);
        return found;
    }

    template <class Row>
    static std::vector<Row> part_of(std::vector<Row> rows, const Slice& slice)
    {
        const auto begin = std::min(slice.offset, rows.size());
        const auto end = std::min(begin + slice.limit, rows.size());
        return {rows.begin() + static_cast<std::ptrdiff_t>(begin),
                rows.begin() + static_cast<std::ptrdiff_t>(end)};
    }

    static LedgerEntry entry_of(const LogRow& row)
    {
        LedgerEntry entry;
        entry.id = row.run.id;
        entry.state = row.run.state;
        entry.reason = row.run.reason;
        entry.requested = !row.requested_by.empty();
        entry.rehearsal = row.run.rehearsal;
        entry.of_backfill = is_of_backfill(row.requested_by);
        entry.started_at = row.run.started_at;
        entry.fires = row.fires;
        entry.gap_end = row.gap_end;
        entry.dispatched_at = from_unix_seconds(row.dispatch_time);
        entry.ended_at = row.run.ended_at;
        entry.retry_at = row.retry_at;
        return entry;
    }

    void begin()
    {
        if (tables_.before_call) tables_.before_call();
        if (tables_.away) throw StoreError("connection refused");
        if (tables_.slow) throw TookTooLong("the limit of a statement is 10 s");
    }

    [[noreturn]] static void unused() { throw std::logic_error("api/ does not make this call"); }

    FakeTables& tables_;
    FakeNotices notices_;
    FakePauses pauses_;
    FakeAccounts accounts_;
    FakeLocks locks_;
    FakeCalendars calendars_;
    FakeBackfills backfills_;
};

}  // namespace peercron::testing
