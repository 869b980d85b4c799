#pragma once

#include "model/run.hpp"
#include "simulation/world.hpp"
#include "wire/message.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace peercron::simulation {

class Network;

/// One side's end of a connection. Bytes arrive in order, or not at all: what was sent while the
/// way is cut arrives after it was mended, as TCP repeats it. The owner destroys it to close.
class Endpoint {
public:
    struct Handlers {
        std::function<void(Message)> message;
        std::function<void()> end;  ///< the conversation is over
    };

    Endpoint(Network& network, Actor& owner, const NodeName& here, const NodeName& there);
    Endpoint(const Endpoint&) = delete;
    Endpoint& operator=(const Endpoint&) = delete;
    ~Endpoint();

    /// From here on messages are handled; none is before.
    void listen(Handlers handlers);
    void send(const Message& message);
    void close();
    /// The end of the process: what was to be sent may go with it. `silently`: its machine went
    /// down, so that nobody tells the other side.
    void die(bool silently);

    bool open() const { return !ended_; }

private:
    friend class Network;

    /// The way to the other side.
    struct Pipe {
        struct Parcel {
            World::Time ready;
            std::optional<Message> message;  ///< none: the end
        };
        NodeName from;
        NodeName to;
        std::deque<Parcel> parcels;
        bool ended = false;
        Endpoint* reader = nullptr;
        Planned pump;
    };

    void push(Pipe& pipe, std::optional<Message> message);
    void expect_parcel(World::Time earliest);
    void arrive();
    void watch();
    void end();
    void be_reset();
    void note_mended();
    bool is_local() const { return out_->from == out_->to; }

    Network& network_;
    Actor& owner_;
    const std::uint64_t serial_;
    std::shared_ptr<Pipe> in_;
    std::shared_ptr<Pipe> out_;
    Handlers handlers_;
    bool listening_ = false;
    bool ended_ = false;
    World::Time heard_{};
    Planned watch_;
};

/// The links between machines, each direction on its own.
class Network {
public:
    Network(World& world, std::chrono::milliseconds max_silence)
        : world_(world), max_silence_(max_silence)
    {}

    void cut(const NodeName& from, const NodeName& to);
    void mend(const NodeName& from, const NodeName& to);
    bool is_cut(const NodeName& from, const NodeName& to) const
    {
        return cuts_.contains({from, to});
    }
    /// Since when the way is cut; not set: it is not.
    std::optional<World::Time> cut_since(const NodeName& from, const NodeName& to) const;
    bool both_ways(const NodeName& a, const NodeName& b) const
    {
        return !is_cut(a, b) && !is_cut(b, a);
    }

    /// Two ends of a new connection, each its owner's.
    std::pair<std::unique_ptr<Endpoint>, std::unique_ptr<Endpoint>> connect(Actor& a,
                                                                            const NodeName& name_a,
                                                                            Actor& b,
                                                                            const NodeName& name_b);

    /// Until accept() something on the way answers each packet from one to the other with a reset.
    void refuse(const NodeName& from, const NodeName& to) { refused_.emplace(from, to); }
    void accept(const NodeName& from, const NodeName& to) { refused_.erase({from, to}); }
    bool refuses(const NodeName& from, const NodeName& to) const
    {
        return refused_.contains({from, to});
    }

    /// Closes every connection between the two as a middlebox does that resets them.
    void reset(const NodeName& a, const NodeName& b);

    std::chrono::microseconds latency();
    /// From now on packets may take so long.
    void set_slowest(std::chrono::microseconds slowest) { slowest_ = slowest; }

private:
    friend class Endpoint;

    World& world_;
    const std::chrono::milliseconds max_silence_;
    std::chrono::microseconds slowest_{1ms};
    std::map<std::pair<NodeName, NodeName>, World::Time> cuts_;  ///< since when
    std::set<std::pair<NodeName, NodeName>> refused_;
    std::map<std::uint64_t, Endpoint*> endpoints_;  ///< by the order in which they were made
    std::uint64_t last_endpoint_ = 0;
};

}  // namespace peercron::simulation
