#pragma once

#include "wire/message.hpp"

#include <limits>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace peercron::testing {

/// Makes messages with every member set to something random, extremes included. The aggregates are
/// written out member by member, so that a new member does not compile until it is here.
class RandomMessage {
public:
    explicit RandomMessage(unsigned seed) : random_(seed) {}

    Message next() { return of_kind(below(std::variant_size_v<Message>)); }

    Message of_kind(std::size_t kind)
    {
        switch (kind) {
            case 0:
                return TermHello{number<Epoch>(), text(), coin()};
            case 1:
                return Account{text(),
                               number<std::uint64_t>(),
                               std::chrono::milliseconds(number<std::int64_t>()),
                               number<Epoch>(),
                               coin(),
                               number<Epoch>(),
                               number<std::uint32_t>(),
                               orders(),
                               reports(),
                               reports(),
                               orders(),
                               coin(),
                               many<std::string>(&RandomMessage::text),
                               many<std::string>(&RandomMessage::text)};
            case 2:
                return RunOrders{orders()};
            case 3:
                return Revoke{number<std::uint64_t>(), ids()};
            case 4:
                return Revoked{number<std::uint64_t>(), ids()};
            case 5:
                return RunReports{reports()};
            case 6:
                return KillRun{id(), reason()};
            case 7:
                return DispatcherBeat{number<Epoch>(), time(), many<NodeLoad>(&RandomMessage::load),
                                      coin(), maybe(number<std::uint64_t>())};
            case 8:
                return NodeBeat{time(), time(), load(), number<std::uint64_t>()};
            case 9:
                return JobChanged{number<std::uint64_t>(),
                                  many<JobId>(&RandomMessage::number<JobId>)};
            case 10:
                return RunNow{number<std::uint64_t>(), number<JobId>(), text()};
            case 11:
                return EndRun{number<std::uint64_t>(), id(), reason()};
            case 12:
                return Done{number<std::uint64_t>(), text(), maybe(id())};
            case 13:
                return StepCopy{step()};
            case 14:
                return StepKept{step_id(), coin()};
            case 15:
                return StepsStored{step_id()};
            case 16:
                return TermOver{number<Epoch>()};
            case 17:
                return NodeDied{number<std::uint64_t>(), duration(), duration()};
            case 18:
                return DeathHeard{number<std::uint64_t>()};
            case 19:
                return RetryRun{number<std::uint64_t>(), id(), text()};
            case 20:
                return OutputAsk{number<std::uint64_t>(), id(), number<std::int64_t>(),
                                 number<std::uint32_t>(),
                                 std::chrono::milliseconds(number<std::int64_t>())};
            default:
                return OutputPiece{
                    number<std::uint64_t>(),
                    OutputPart{coin(), number<std::int64_t>(), number<std::int64_t>(), text()},
                    text()};
        }
    }

    std::size_t below(std::size_t limit) { return random_() % limit; }

    NodeFields fields()
    {
        JobPatch fields;
        if (coin()) fields.set(&Job::remark, std::to_string(number<std::uint64_t>()));
        if (coin()) fields.set(&Job::tags, {"a", "b"});
        if (coin()) fields.set(&Job::overlap, Overlap::queue);
        if (coin()) fields.set(&Job::misfire_window, std::nullopt);
        if (coin()) fields.set(&Job::stop, coin());
        return NodeFields(std::move(fields));
    }

    Concurrency concurrency()
    {
        // 0 is written as "no limit"; how an older dispatcher's is read, its own test says.
        return {1 + static_cast<std::int64_t>(below(1000)), static_cast<Overlap>(1 + below(3))};
    }
    RunOrder order()
    {
        return {id(),
                text(),
                std::chrono::seconds(number<std::int64_t>()),
                concurrency(),
                fields(),
                coin() ? std::vector{number<std::int64_t>()} : std::vector<std::int64_t>(),
                coin() ? std::vector{text(), text()} : std::vector<std::string>(),
                text(),
                time(),
                time(),
                maybe(time()),
                number<Epoch>(),
                text(),
                number<std::int32_t>(),
                coin()};
    }
    RunReport report()
    {
        return {id(),
                static_cast<RunState>(below(10)),
                reason(),
                text(),
                text(),
                number<Epoch>(),
                maybe(time()),
                maybe(time()),
                duration(),
                maybe(number<int>()),
                maybe(number<int>()),
                maybe(number<int>()),
                duration(),
                number<std::int64_t>(),
                text(),
                number<std::int64_t>(),
                coin()};
    }

private:
    bool coin() { return random_() % 2 == 0; }
    Reason reason() { return {static_cast<Cause>(below(cause_words.size())), text()}; }

    template <class T>
    T number()
    {
        using Limits = std::numeric_limits<T>;
        switch (below(5)) {
            case 0:
                return 0;
            case 1:
                return Limits::min();
            case 2:
                return Limits::max();
            case 3:
                return static_cast<T>(random_() % 1000);
            default:
                return static_cast<T>(random_());
        }
    }
    std::string text()
    {
        std::string text(below(4) == 0 ? below(3000) : below(40), '\0');
        for (char& c : text) c = static_cast<char>(random_());  // not UTF-8, NULs too
        return text;
    }
    WallTime time() { return from_unix_millis(number<std::int64_t>()); }
    std::chrono::milliseconds duration()
    {
        return std::chrono::milliseconds(number<std::int64_t>());
    }
    template <class T>
    std::optional<T> maybe(T value)
    {
        return coin() ? std::optional<T>(value) : std::nullopt;
    }
    template <class T>
    std::vector<T> many(T (RandomMessage::*make)())
    {
        std::vector<T> values;
        for (std::size_t left = below(6); left > 0; --left) values.push_back((this->*make)());
        return values;
    }

    RunId id() { return {number<JobId>(), time(), number<std::int32_t>()}; }
    NodeLoad load()
    {
        return {text(),
                text(),
                number<std::uint32_t>(),
                number<std::uint32_t>(),
                number<std::uint32_t>(),
                number<std::uint32_t>(),
                coin(),
                coin(),
                duration(),
                coin()};
    }
    PlannedRun planned()
    {
        return {id(),   static_cast<RunState>(below(10)), reason(), text(),       time(),
                text(), number<std::int64_t>(),           time(),   maybe(time())};
    }
    PlanStep step()
    {
        PlanStep step;
        step.epoch = number<Epoch>();
        step.number = number<std::uint64_t>();
        step.dispatch_server = text();
        step.planned_through = time();
        step.runs = many<PlannedRun>(&RandomMessage::planned);
        step.ended = reports();
        step.moved = many<PlannedRun>(&RandomMessage::planned);
        return step;
    }
    StepId step_id() { return {number<Epoch>(), number<std::uint64_t>()}; }
    std::vector<RunId> ids() { return many<RunId>(&RandomMessage::id); }
    std::vector<RunOrder> orders() { return many<RunOrder>(&RandomMessage::order); }
    std::vector<RunReport> reports() { return many<RunReport>(&RandomMessage::report); }

    std::mt19937_64 random_;
};

}  // namespace peercron::testing
