#pragma once

#include "store/backfill_store.hpp"
#include "store/mysql/mysql_session.hpp"

namespace peercron {

/// The part of a MysqlStore that is about backfills; uses its session.
class MysqlBackfills final : public BackfillStore {
public:
    explicit MysqlBackfills(MysqlSession& session) : session_(session) {}

    Backfill add(const Backfill& draft, std::span<const WallTime> fires) override;
    std::vector<BackfillWork> work(std::size_t limit) override;
    bool end(std::int64_t id, BackfillState state, const std::string& why, WallTime at) override;
    std::vector<BackfillProgress> list(JobId job, std::size_t limit) override;
    std::optional<BackfillProgress> find(std::int64_t id) override;

private:
    MysqlSession& session_;
};

}  // namespace peercron
