#pragma once

#include "store/pause_store.hpp"
#include "store/sqlite/sqlite_session.hpp"

namespace peercron {

/// The part of a SqliteStore that is about pauses; uses its session.
class SqlitePauses final : public PauseStore {
public:
    explicit SqlitePauses(SqliteSession& session) : session_(session) {}

    std::vector<Pause> pauses_after(WallTime time) override;
    std::vector<Pause> pauses_of_plan() override;
    Pause add_pause(const Pause& pause) override;
    std::vector<Pause> end_pauses(const PauseChoice& choice, WallTime at,
                                  const std::string& by) override;

private:
    SqliteSession& session_;
};

}  // namespace peercron
