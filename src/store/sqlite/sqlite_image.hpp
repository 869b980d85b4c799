#pragma once

#include "store/sqlite/sqlite_accounts.hpp"
#include "store/sqlite/sqlite_calendars.hpp"
#include "store/sqlite/sqlite_lock.hpp"
#include "store/sqlite/sqlite_locks.hpp"
#include "store/sqlite/sqlite_notices.hpp"
#include "store/sqlite/sqlite_pauses.hpp"
#include "store/sqlite/sqlite_session.hpp"
#include "store/store_image.hpp"

namespace peercron {

/// A SQLite database as a whole; taken for this process, so that no node works with it.
class SqliteImage final : public StoreImage {
public:
    /// Brings the tables to this version. Throws StoreError when a node runs.
    explicit SqliteImage(const SqliteSettings& settings);

    StoreTotals totals() override;
    std::vector<Job> jobs_after(JobId after, std::size_t limit) override;
    std::vector<LogRow> rows_after(std::int64_t after, std::size_t limit) override;
    std::vector<Revision> revisions_after(std::int64_t after, std::size_t limit) override;
    std::vector<OtherAccount> other_accounts_after(std::int64_t after, std::size_t limit) override;
    StoredTerm term() override;
    NoticeStore& notices() override { return notices_; }
    PauseStore& pauses() override { return pauses_; }
    AccountStore& accounts() override { return accounts_; }
    LockStore& locks() override { return locks_; }
    CalendarStore& calendars() override { return calendars_; }
    void append_jobs(std::span<const Job> jobs) override;
    void append_revisions(std::span<const Revision> revisions) override;
    void append_rows(std::span<const LogRow> rows) override;
    void append_other_accounts(std::span<const OtherAccount> accounts) override;
    void finish(const StoredTerm& term) override;

private:
    SqliteLock lock_;
    SqliteSession session_;
    SqliteNotices notices_{session_};
    SqlitePauses pauses_{session_};
    SqliteAccounts accounts_{session_};
    SqliteLocks locks_{session_};
    SqliteCalendars calendars_{session_};
};

}  // namespace peercron
