#pragma once

#include "store/lock_store.hpp"
#include "store/sqlite/sqlite_session.hpp"

namespace peercron {

/// The part of a SqliteStore that is about locks; uses its session.
class SqliteLocks final : public LockStore {
public:
    explicit SqliteLocks(SqliteSession& session) : session_(session) {}

    std::vector<LockLimit> limits() override;
    void set_limit(const LockLimit& limit) override;
    bool delete_limit(const std::string& name) override;
    std::vector<LockUser> users() override;
    std::vector<OpenLockRun> open_runs() override;

private:
    SqliteSession& session_;
};

}  // namespace peercron
