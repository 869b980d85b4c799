#include "store/mysql/mysql_notices.hpp"

#include "store/mysql/mysql_tables.hpp"
#include "store/notice_tables.hpp"

#include <mysqld_error.h>

#include <string>

namespace peercron {
namespace {

using Repeat = MysqlSession::Repeat;

NoticeTables<MysqlTables> tables(MysqlConnection& connection)
{
    return NoticeTables(MysqlTables(connection));
}

}  // namespace

std::vector<NoticeChannel> MysqlNotices::channels()
{
    const auto work = [](MysqlConnection& connection) { return tables(connection).channels(); };
    return session_.run("read the channels", Repeat::safe, work);
}

NoticeChannel MysqlNotices::add_channel(const NoticeChannel& channel)
{
    const auto work = [&](MysqlConnection& connection) {
        try {
            NoticeChannel added = channel;
            added.id = tables(connection).add_channel(channel);
            return added;
        } catch (const MysqlError& error) {
            if (error.code() == ER_DUP_ENTRY) throw_channel_taken(channel.name);
            throw;
        }
    };
    return session_.run("add a channel", Repeat::unsafe, work);
}

bool MysqlNotices::update_channel(const NoticeChannel& channel)
{
    const auto work = [&](MysqlConnection& connection) {
        try {
            return tables(connection).update_channel(channel);
        } catch (const MysqlError& error) {
            if (error.code() == ER_DUP_ENTRY) throw_channel_taken(channel.name);
            throw;
        }
    };
    return session_.run("change a channel", Repeat::safe, work);
}

bool MysqlNotices::delete_channel(std::int64_t id)
{
    const auto work = [id](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        const bool was_there = tables(connection).delete_channel(id);
        transaction.commit({});
        return was_there;
    };
    return session_.run("delete a channel", Repeat::safe, work);
}

void MysqlNotices::begin_looking(Epoch epoch)
{
    const auto work = [epoch](MysqlConnection& connection) {
        return tables(connection).take(epoch);
    };
    if (!session_.run("begin to look at what has ended", Repeat::safe, work)) {
        throw_noticed_by_another(epoch);
    }
}

std::vector<UnseenEnd> MysqlNotices::unseen_ends(std::size_t limit)
{
    const auto work = [limit](MysqlConnection& connection) {
        return tables(connection).unseen_ends(limit);
    };
    return session_.run("read which runs have ended", Repeat::safe, work);
}

std::vector<JobWatch> MysqlNotices::watches(std::span<const JobId> jobs)
{
    const auto work = [jobs](MysqlConnection& connection) {
        return tables(connection).watches(jobs);
    };
    return session_.run("read what was noticed of jobs", Repeat::safe, work);
}

std::vector<JobWatch> MysqlNotices::due_watches(WallTime now, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return tables(connection).due_watches(now, limit);
    };
    return session_.run("read which jobs are to be looked at", Repeat::safe, work);
}

std::vector<JobId> MysqlNotices::unwatched_jobs(const NoticeDefaults& defaults, JobId after,
                                                std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return tables(connection).unwatched_jobs(defaults, after, limit);
    };
    return session_.run("find jobs that expect successes", Repeat::safe, work);
}

std::vector<LogRow> MysqlNotices::slow_runs(const NoticeDefaults& defaults, WallTime now,
                                            std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return tables(connection).slow_runs(defaults, now, limit);
    };
    return session_.run("read which runs take long", Repeat::safe, work);
}

std::vector<LogRow> MysqlNotices::healthy_daemons(WallTime now, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return tables(connection).healthy_daemons(now, limit);
    };
    return session_.run("read which daemons are well again", Repeat::safe, work);
}

void MysqlNotices::store_seen(Epoch epoch, const Seen& seen)
{
    const auto work = [&](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        auto all = tables(connection);
        const bool is_taken = all.take(epoch);
        if (is_taken) {
            all.store_seen(seen);
            transaction.commit({});
        }
        return is_taken;
    };
    if (!session_.run("store notices", Repeat::safe, work)) throw_noticed_by_another(epoch);
}

std::vector<NoticeDelivery> MysqlNotices::due_deliveries(std::int64_t channel, WallTime now,
                                                         std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return tables(connection).due_deliveries(channel, now, limit);
    };
    return session_.run("read which messages are due", Repeat::safe, work);
}

void MysqlNotices::update_deliveries(std::span<const NoticeDelivery> deliveries)
{
    const auto work = [deliveries](MysqlConnection& connection) {
        MysqlTransaction transaction(connection);
        for (const NoticeDelivery& delivery : deliveries)
            tables(connection).update_delivery(delivery);
        transaction.commit({});
    };
    session_.run("store what came of messages", Repeat::safe, work);
}

std::vector<NoticeDelivery> MysqlNotices::deliveries(std::int64_t channel, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return tables(connection).deliveries(channel, limit);
    };
    return session_.run("read the messages", Repeat::safe, work);
}

std::int64_t MysqlNotices::count_waiting()
{
    const auto work = [](MysqlConnection& connection) {
        return tables(connection).count_waiting();
    };
    return session_.run("count the messages that wait", Repeat::safe, work);
}

std::size_t MysqlNotices::clean_up(WallTime before, std::size_t keep, std::size_t limit)
{
    const auto work = [&](MysqlConnection& connection) {
        return tables(connection).clean_up(before, keep, limit);
    };
    return session_.run("delete old messages", Repeat::safe, work);
}

}  // namespace peercron
