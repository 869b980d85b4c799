#pragma once

#include "store/mysql/mysql_session.hpp"
#include "store/pause_store.hpp"

namespace peercron {

/// The part of a MysqlStore that is about pauses; uses its session.
class MysqlPauses final : public PauseStore {
public:
    explicit MysqlPauses(MysqlSession& session) : session_(session) {}

    std::vector<Pause> pauses_after(WallTime time) override;
    std::vector<Pause> pauses_of_plan() override;
    Pause add_pause(const Pause& pause) override;
    std::vector<Pause> end_pauses(const PauseChoice& choice, WallTime at,
                                  const std::string& by) override;

private:
    MysqlSession& session_;
};

}  // namespace peercron
