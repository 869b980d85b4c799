#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/notice_channel.hpp"
#include "model/run.hpp"
#include "store/store.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

struct NoticeDefaults;

/// A row of the ledger that has ended, and that nobody has looked at yet.
struct UnseenEnd {
    std::int64_t id = 0;        ///< of the entry
    std::optional<LogRow> row;  ///< with the end of its output; none: it was deleted meanwhile
};

/// What is kept about a job between two looks: a text of the one who looks.
struct JobWatch {
    JobId job = 0;
    std::string text;
    std::optional<WallTime> due_at;  ///< when it has to be looked at, whatever happens

    friend bool operator==(const JobWatch&, const JobWatch&) = default;
};

/// A message to some channels.
struct OutgoingNotice {
    std::string id;
    JobId job = 0;
    std::string body;
    std::vector<std::int64_t> channels;
};

/// What came of a look, stored as a whole.
struct Seen {
    std::vector<std::int64_t> ends;  ///< UnseenEnd::id
    std::vector<JobWatch> watches;
    std::vector<JobId> forgotten;  ///< whose watches are not needed any more
    std::vector<OutgoingNotice> notices;
    WallTime at{};
};

/// A message in the outbox.
struct NoticeDelivery {
    enum class State : std::uint8_t {
        waiting,
        sent,
        refused,  ///< the channel does not take it, and never will
        expired,  ///< it was not taken in time
    };
    std::int64_t id = 0;
    std::int64_t channel = 0;
    std::string notice;  ///< OutgoingNotice::id
    JobId job = 0;
    std::string body;
    State state = State::waiting;
    std::int64_t attempts = 0;
    WallTime created_at{};
    WallTime due_at{};  ///< while it waits
    std::optional<WallTime> ended_at;
    std::string answer;  ///< to the last attempt, in words; without secrets

    friend bool operator==(const NoticeDelivery&, const NoticeDelivery&) = default;
};

inline constexpr std::array<std::string_view, 4> delivery_words{"waiting", "sent", "refused",
                                                                "expired"};
constexpr std::string_view to_string(NoticeDelivery::State state)
{
    return delivery_words[static_cast<std::size_t>(state)];
}

/// Throws NameTaken.
[[noreturn]] void throw_channel_taken(const std::string& name);
/// Throws Deposed.
[[noreturn]] void throw_noticed_by_another(Epoch epoch);

/// The part of a store that is about notices. As Store, of which it is a part: errors, threads.
///
/// The ends of runs come here by themselves: Store::commit() and Store::record() note, in their own
/// transaction, each row that has ended, of jobs that want notices.
class NoticeStore {
public:
    NoticeStore() = default;
    NoticeStore(const NoticeStore&) = delete;
    NoticeStore& operator=(const NoticeStore&) = delete;
    virtual ~NoticeStore() = default;

    /// By name.
    virtual std::vector<NoticeChannel> channels() = 0;
    /// Under a new id. Throws NameTaken.
    virtual NoticeChannel add_channel(const NoticeChannel& channel) = 0;
    /// Replaces the one with this id; false: there is none. Throws NameTaken.
    virtual bool update_channel(const NoticeChannel& channel) = 0;
    /// With its messages; false: there was none.
    virtual bool delete_channel(std::int64_t id) = 0;

    /// From now on what dispatchers before this epoch have seen is not stored: to be called before
    /// anything is read for store_seen(). Throws Deposed when a newer one has called it.
    virtual void begin_looking(Epoch epoch) = 0;
    /// The oldest ones.
    virtual std::vector<UnseenEnd> unseen_ends(std::size_t limit) = 0;
    virtual std::vector<JobWatch> watches(std::span<const JobId> jobs) = 0;
    /// Not of jobs that have unseen ends: these may change what time tells.
    virtual std::vector<JobWatch> due_watches(WallTime now, std::size_t limit) = 0;
    /// Jobs of which successes are expected (expectation_of()), which want notices, are not
    /// stopped, and have neither a watch that is due some time nor unseen ends; the first ones with
    /// an id greater than `after`, in the order of their ids. May read the whole table.
    virtual std::vector<JobId> unwatched_jobs(const NoticeDefaults& defaults, JobId after,
                                              std::size_t limit) = 0;
    /// Runs that go on for longer than slow_after (run_limits()), of jobs that want notices; where
    /// there is none, for longer than may be usual.
    virtual std::vector<LogRow> slow_runs(const NoticeDefaults& defaults, WallTime now,
                                          std::size_t limit) = 0;
    /// Runs of daemons that have been up for longer than healthy_after, where the watch of the job
    /// may say that it is failing or missed.
    virtual std::vector<LogRow> healthy_daemons(WallTime now, std::size_t limit) = 0;
    /// One transaction. A notice that a channel has already is not added again. Throws Deposed when
    /// a newer dispatcher has begun to look.
    virtual void store_seen(Epoch epoch, const Seen& seen) = 0;

    /// What waits for a channel and is due, the oldest first.
    virtual std::vector<NoticeDelivery> due_deliveries(std::int64_t channel, WallTime now,
                                                       std::size_t limit) = 0;
    /// Writes state, attempts, due_at, ended_at and answer.
    virtual void update_deliveries(std::span<const NoticeDelivery> deliveries) = 0;
    /// Those to a channel, newest first.
    virtual std::vector<NoticeDelivery> deliveries(std::int64_t channel, std::size_t limit) = 0;
    /// How many wait, due or not.
    virtual std::int64_t count_waiting() = 0;
    /// Deletes the messages that have ended before this moment, but for the newest `keep` of each
    /// channel, and not more than `limit`; and the watches of jobs that are gone. Returns how many
    /// messages.
    virtual std::size_t clean_up(WallTime before, std::size_t keep, std::size_t limit) = 0;
};

}  // namespace peercron
