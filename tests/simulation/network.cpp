#include "simulation/network.hpp"

#include <algorithm>

namespace peercron::simulation {

Endpoint::Endpoint(Network& network, Actor& owner, const NodeName& here, const NodeName& there)
    : network_(network),
      owner_(owner),
      serial_(++network.last_endpoint_),
      out_(std::make_shared<Pipe>())
{
    out_->from = here;
    out_->to = there;
    network_.endpoints_.emplace(serial_, this);
}

Endpoint::~Endpoint()
{
    close();
    network_.endpoints_.erase(serial_);
    in_->reader = nullptr;
    in_->pump.cancel();
}

void Endpoint::listen(Handlers handlers)
{
    handlers_ = std::move(handlers);
    listening_ = true;
    heard_ = network_.world_.now();
    expect_parcel(heard_);
    watch();
}

void Endpoint::send(const Message& message)
{
    if (ended_) return;
    push(*out_, message);
}

void Endpoint::close()
{
    if (ended_) return;
    ended_ = true;
    watch_.cancel();
    in_->pump.cancel();
    push(*out_, std::nullopt);
}

void Endpoint::die(bool silently)
{
    if (ended_) return;
    World& world = network_.world_;
    const auto unsent = [&](const Pipe::Parcel& parcel) { return parcel.ready > world.now(); };
    if (silently || world.random.once_in(2)) std::erase_if(out_->parcels, unsent);
    if (!silently) return close();
    ended_ = true;
    watch_.cancel();
}

void Endpoint::push(Pipe& pipe, std::optional<Message> message)
{
    const bool is_mine = &pipe == out_.get();
    if (is_mine && network_.refuses(pipe.from, pipe.to)) {
        pipe.ended = pipe.ended || !message;
        return be_reset();
    }
    if (pipe.ended) {
        // The other side was reset, and this one was not told.
        if (is_mine && pipe.reader == nullptr && !network_.is_cut(pipe.from, pipe.to)) be_reset();
        return;
    }
    pipe.ended = !message;
    World& world = network_.world_;
    World::Time ready = world.now();
    if (pipe.from != pipe.to) ready += network_.latency();
    if (!pipe.parcels.empty()) ready = std::max(ready, pipe.parcels.back().ready);
    pipe.parcels.push_back({ready, std::move(message)});
    if (pipe.reader != nullptr) {
        if (pipe.parcels.size() == 1) pipe.reader->expect_parcel(ready);
    } else if (is_mine && !network_.is_cut(pipe.from, pipe.to)) {
        // Nobody there knows this connection any more, and that is what the kernel says.
        be_reset();
    }
}

/// Somebody answers for the other side that there is no such connection.
void Endpoint::be_reset()
{
    const bool is_known = !in_->parcels.empty() && !in_->parcels.back().message;
    if (ended_ || is_known) return;
    in_->ended = true;
    const World::Time ready = network_.world_.now() + network_.latency();
    // What is on its way arrives at nobody.
    const auto comes_later = [&](const Pipe::Parcel& parcel) { return parcel.ready > ready; };
    std::erase_if(in_->parcels, comes_later);
    in_->parcels.push_back({ready, std::nullopt});
    if (in_->parcels.size() == 1) expect_parcel(ready);
}

void Endpoint::expect_parcel(World::Time earliest)
{
    if (!listening_ || ended_ || in_->parcels.empty()) return;
    const World::Time when = std::max(earliest, in_->parcels.front().ready);
    in_->pump = network_.world_.at(when, owner_, [this] { arrive(); });
}

void Endpoint::arrive()
{
    World& world = network_.world_;
    while (!ended_ && !in_->parcels.empty() && in_->parcels.front().ready <= world.now()) {
        if (network_.is_cut(in_->from, in_->to)) return;  // until it is mended
        std::optional<Message> message = std::move(in_->parcels.front().message);
        in_->parcels.pop_front();
        heard_ = world.now();
        if (!message) return end();
        handlers_.message(std::move(*message));
    }
    expect_parcel(world.now());
}

void Endpoint::watch()
{
    if (is_local()) return;
    World& world = network_.world_;
    if (world.now() >= heard_ + network_.max_silence_) {
        const bool unread = !in_->parcels.empty() && in_->parcels.front().ready <= world.now() &&
                            !network_.is_cut(in_->from, in_->to);
        if (!unread) return end();
        heard_ = world.now();
    }
    watch_ = world.at(heard_ + network_.max_silence_, owner_, [this] { watch(); });
}

void Endpoint::end()
{
    close();
    handlers_.end();
}

void Endpoint::note_mended()
{
    World& world = network_.world_;
    // A timer of TCP, which has doubled all the time, runs out first.
    const World::Time again = world.now() + world.random.between(1000us, 2'000'000us);
    expect_parcel(again);
    const bool unheard = out_->reader == nullptr && !out_->parcels.empty();
    if (unheard && !network_.is_cut(out_->from, out_->to)) be_reset();
}

void Network::cut(const NodeName& from, const NodeName& to)
{
    cuts_.try_emplace({from, to}, world_.now());
}

std::optional<World::Time> Network::cut_since(const NodeName& from, const NodeName& to) const
{
    const auto cut = cuts_.find({from, to});
    if (cut == cuts_.end()) return std::nullopt;
    return cut->second;
}

void Network::mend(const NodeName& from, const NodeName& to)
{
    if (cuts_.erase({from, to}) == 0) return;
    for (const auto& [serial, endpoint] : endpoints_) {
        const NodeName& here = endpoint->out_->from;
        const NodeName& there = endpoint->out_->to;
        if ((here == from && there == to) || (here == to && there == from)) endpoint->note_mended();
    }
}

std::pair<std::unique_ptr<Endpoint>, std::unique_ptr<Endpoint>> Network::connect(
    Actor& a, const NodeName& name_a, Actor& b, const NodeName& name_b)
{
    auto end_a = std::make_unique<Endpoint>(*this, a, name_a, name_b);
    auto end_b = std::make_unique<Endpoint>(*this, b, name_b, name_a);
    end_a->in_ = end_b->out_;
    end_b->in_ = end_a->out_;
    end_a->in_->reader = end_a.get();
    end_b->in_->reader = end_b.get();
    return {std::move(end_a), std::move(end_b)};
}

void Network::reset(const NodeName& a, const NodeName& b)
{
    for (const auto& [serial, endpoint] : endpoints_) {
        const NodeName& here = endpoint->out_->from;
        const NodeName& there = endpoint->out_->to;
        if ((here == a && there == b) || (here == b && there == a)) {
            endpoint->push(*endpoint->in_, std::nullopt);
        }
    }
}

std::chrono::microseconds Network::latency()
{
    return world_.random.between(50us, slowest_);
}

}  // namespace peercron::simulation
