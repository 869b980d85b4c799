#pragma once

#include "store/lock_store.hpp"
#include "store/mysql/mysql_session.hpp"

namespace peercron {

/// The part of a MysqlStore that is about locks; uses its session.
class MysqlLocks final : public LockStore {
public:
    explicit MysqlLocks(MysqlSession& session) : session_(session) {}

    std::vector<LockLimit> limits() override;
    void set_limit(const LockLimit& limit) override;
    bool delete_limit(const std::string& name) override;
    std::vector<LockUser> users() override;
    std::vector<OpenLockRun> open_runs() override;

private:
    MysqlSession& session_;
};

}  // namespace peercron
