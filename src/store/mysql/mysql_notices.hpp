#pragma once

#include "store/mysql/mysql_session.hpp"
#include "store/notice_store.hpp"

namespace peercron {

/// The part of a MysqlStore that is about notices; uses its session.
class MysqlNotices final : public NoticeStore {
public:
    explicit MysqlNotices(MysqlSession& session) : session_(session) {}

    std::vector<NoticeChannel> channels() override;
    NoticeChannel add_channel(const NoticeChannel& channel) override;
    bool update_channel(const NoticeChannel& channel) override;
    bool delete_channel(std::int64_t id) override;
    void begin_looking(Epoch epoch) override;
    std::vector<UnseenEnd> unseen_ends(std::size_t limit) override;
    std::vector<JobWatch> watches(std::span<const JobId> jobs) override;
    std::vector<JobWatch> due_watches(WallTime now, std::size_t limit) override;
    std::vector<JobId> unwatched_jobs(const NoticeDefaults& defaults, JobId after,
                                      std::size_t limit) override;
    std::vector<LogRow> slow_runs(const NoticeDefaults& defaults, WallTime now,
                                  std::size_t limit) override;
    std::vector<LogRow> healthy_daemons(WallTime now, std::size_t limit) override;
    void store_seen(Epoch epoch, const Seen& seen) override;
    std::vector<NoticeDelivery> due_deliveries(std::int64_t channel, WallTime now,
                                               std::size_t limit) override;
    void update_deliveries(std::span<const NoticeDelivery> deliveries) override;
    std::vector<NoticeDelivery> deliveries(std::int64_t channel, std::size_t limit) override;
    std::int64_t count_waiting() override;
    std::size_t clean_up(WallTime before, std::size_t keep, std::size_t limit) override;

private:
    MysqlSession& session_;
};

}  // namespace peercron
