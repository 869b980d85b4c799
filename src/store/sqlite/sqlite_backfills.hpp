#pragma once

#include "store/backfill_store.hpp"
#include "store/sqlite/sqlite_session.hpp"

namespace peercron {

/// The part of a SqliteStore that is about backfills; uses its session.
class SqliteBackfills final : public BackfillStore {
public:
    explicit SqliteBackfills(SqliteSession& session) : session_(session) {}

    Backfill add(const Backfill& draft, std::span<const WallTime> fires) override;
    std::vector<BackfillWork> work(std::size_t limit) override;
    bool end(std::int64_t id, BackfillState state, const std::string& why, WallTime at) override;
    std::vector<BackfillProgress> list(JobId job, std::size_t limit) override;
    std::optional<BackfillProgress> find(std::int64_t id) override;

private:
    SqliteSession& session_;
};

}  // namespace peercron
