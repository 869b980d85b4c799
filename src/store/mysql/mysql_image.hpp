#pragma once

#include "store/mysql/mysql_accounts.hpp"
#include "store/mysql/mysql_calendars.hpp"
#include "store/mysql/mysql_locks.hpp"
#include "store/mysql/mysql_notices.hpp"
#include "store/mysql/mysql_pauses.hpp"
#include "store/mysql/mysql_session.hpp"
#include "store/store_image.hpp"

namespace peercron {

/// A MySQL database as a whole. Whether nodes work with it cannot be known here.
class MysqlImage final : public StoreImage {
public:
    /// Brings the tables to this version. Throws StoreError.
    explicit MysqlImage(const MysqlSettings& settings);

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
    MysqlSession session_;
    MysqlNotices notices_{session_};
    MysqlPauses pauses_{session_};
    MysqlAccounts accounts_{session_};
    MysqlLocks locks_{session_};
    MysqlCalendars calendars_{session_};
};

}  // namespace peercron
