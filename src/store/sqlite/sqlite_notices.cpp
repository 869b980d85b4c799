#include "store/sqlite/sqlite_notices.hpp"

#include "store/notice_tables.hpp"
#include "store/sqlite/sqlite_tables.hpp"

#include <string>

namespace peercron {
namespace {

NoticeTables<SqliteTables> tables(SqliteConnection& connection)
{
    return NoticeTables(SqliteTables(connection));
}

}  // namespace

std::vector<NoticeChannel> SqliteNotices::channels()
{
    const auto work = [](SqliteConnection& connection) { return tables(connection).channels(); };
    return session_.run("read the channels", work);
}

NoticeChannel SqliteNotices::add_channel(const NoticeChannel& channel)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        if (tables(connection).is_taken(channel)) throw_channel_taken(channel.name);
        NoticeChannel added = channel;
        added.id = tables(connection).add_channel(channel);
        transaction.commit();
        return added;
    };
    return session_.run("add a channel", work);
}

bool SqliteNotices::update_channel(const NoticeChannel& channel)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        if (tables(connection).is_taken(channel)) throw_channel_taken(channel.name);
        const bool was_there = tables(connection).update_channel(channel);
        transaction.commit();
        return was_there;
    };
    return session_.run("change a channel", work);
}

bool SqliteNotices::delete_channel(std::int64_t id)
{
    const auto work = [id](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const bool was_there = tables(connection).delete_channel(id);
        transaction.commit();
        return was_there;
    };
    return session_.run("delete a channel", work);
}

void SqliteNotices::begin_looking(Epoch epoch)
{
    const auto work = [epoch](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const bool is_taken = tables(connection).take(epoch);
        transaction.commit();
        return is_taken;
    };
    if (!session_.run("begin to look at what has ended", work)) throw_noticed_by_another(epoch);
}

std::vector<UnseenEnd> SqliteNotices::unseen_ends(std::size_t limit)
{
    const auto work = [limit](SqliteConnection& connection) {
        return tables(connection).unseen_ends(limit);
    };
    return session_.run("read which runs have ended", work);
}

std::vector<JobWatch> SqliteNotices::watches(std::span<const JobId> jobs)
{
    const auto work = [jobs](SqliteConnection& connection) {
        return tables(connection).watches(jobs);
    };
    return session_.run("read what was noticed of jobs", work);
}

std::vector<JobWatch> SqliteNotices::due_watches(WallTime now, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return tables(connection).due_watches(now, limit);
    };
    return session_.run("read which jobs are to be looked at", work);
}

std::vector<JobId> SqliteNotices::unwatched_jobs(const NoticeDefaults& defaults, JobId after,
                                                 std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return tables(connection).unwatched_jobs(defaults, after, limit);
    };
    return session_.run("find jobs that expect successes", work);
}

std::vector<LogRow> SqliteNotices::slow_runs(const NoticeDefaults& defaults, WallTime now,
                                             std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return tables(connection).slow_runs(defaults, now, limit);
    };
    return session_.run("read which runs take long", work);
}

std::vector<LogRow> SqliteNotices::healthy_daemons(WallTime now, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return tables(connection).healthy_daemons(now, limit);
    };
    return session_.run("read which daemons are well again", work);
}

void SqliteNotices::store_seen(Epoch epoch, const Seen& seen)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        auto all = tables(connection);
        const bool is_taken = all.take(epoch);
        if (is_taken) {
            all.store_seen(seen);
            transaction.commit();
        }
        return is_taken;
    };
    if (!session_.run("store notices", work)) throw_noticed_by_another(epoch);
}

std::vector<NoticeDelivery> SqliteNotices::due_deliveries(std::int64_t channel, WallTime now,
                                                          std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return tables(connection).due_deliveries(channel, now, limit);
    };
    return session_.run("read which messages are due", work);
}

void SqliteNotices::update_deliveries(std::span<const NoticeDelivery> deliveries)
{
    const auto work = [deliveries](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        for (const NoticeDelivery& delivery : deliveries)
            tables(connection).update_delivery(delivery);
        transaction.commit();
    };
    session_.run("store what came of messages", work);
}

std::vector<NoticeDelivery> SqliteNotices::deliveries(std::int64_t channel, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        return tables(connection).deliveries(channel, limit);
    };
    return session_.run("read the messages", work);
}

std::int64_t SqliteNotices::count_waiting()
{
    const auto work = [](SqliteConnection& connection) {
        return tables(connection).count_waiting();
    };
    return session_.run("count the messages that wait", work);
}

std::size_t SqliteNotices::clean_up(WallTime before, std::size_t keep, std::size_t limit)
{
    const auto work = [&](SqliteConnection& connection) {
        SqliteTransaction transaction(connection);
        const std::size_t deleted = tables(connection).clean_up(before, keep, limit);
        transaction.commit();
        return deleted;
    };
    return session_.run("delete old messages", work);
}

}  // namespace peercron
