#include "simulation/cluster.hpp"

#include "simulation/process.hpp"

#include <algorithm>
#include <utility>

namespace peercron::simulation {
namespace {

constexpr auto orphan_grace = 1000ms;  // warden.hpp
constexpr auto last_word = 3000ms;
constexpr auto farewell = 500ms;
/// From when a node listens until a dispatcher that waits for it has its account.
constexpr auto greeting = 200ms;

}  // namespace

Cluster::Cluster(std::uint64_t seed, const Settings& settings_, Mutation mutation_, bool traced)
    : world(seed, traced),
      settings(settings_),
      mutation(mutation_),
      judge(world),
      database(world, mutation_, judge),
      network(world, settings_.dispatch.lease),
      consul(world, [this](const NodeName& name) {
          const Machine& there = machine(name);
          if (!there.on || there.cut_from_consul) return LockService::Look::silent;
          if (there.warden && world.now() < there.warden->died_at) return LockService::Look::silent;
          if (there.process == nullptr) return LockService::Look::refuses;
          return there.process->stopped() ? LockService::Look::silent : LockService::Look::answers;
      })
{}

Cluster::~Cluster()
{
    for (const auto& machine : machines) machine->process.reset();
    // What is planned for a command keeps it, and it keeps what is planned.
    for (const std::shared_ptr<Child>& child : executions) {
        child->natural_end.cancel();
        child->signal_end.cancel();
    }
}

Machine& Cluster::machine(const NodeName& name)
{
    const auto is_it = [&](const auto& machine) { return machine->name == name; };
    return **std::find_if(machines.begin(), machines.end(), is_it);
}

void Cluster::look_for_copies(Epoch epoch, const NodeName& dispatcher, World::Time begun)
{
    const bool has_waited =
        world.now() - begun >= settings.dispatch.lease + settings.dispatch.lease_margin;
    for (const StepId& id : judge.copies()) {
        if (id.epoch >= epoch || id <= database.last_step()) continue;
        const auto has_it = [&](const auto& machine) {
            return machine->process && machine->process->keeps(id) &&
                   !(has_waited && is_out_of_reach(*machine, dispatcher, begun));
        };
        if (std::any_of(machines.begin(), machines.end(), has_it)) continue;
        judge.give_up(fmt::format("nobody who has step {} of epoch {} is up and within reach",
                                  id.number, id.epoch));
        return;
    }
}

bool Cluster::is_out_of_reach(const Machine& machine, const NodeName& of, World::Time since) const
{
    const auto from = network.cut_since(of, machine.name);
    const auto to = network.cut_since(machine.name, of);
    const auto stopped = machine.process->stopped_since();
    const World::Time waits_until =
        since + settings.dispatch.lease + settings.dispatch.lease_margin - greeting;
    const auto accepts = machine.process->accepts_since();
    if (!accepts || *accepts > waits_until) return true;  // it waits for the store
    return (from && *from <= since) || (to && *to <= since) || (stopped && *stopped <= since);
}

std::vector<std::string> Machine::labels() const
{
    if (!number) return {};
    return {fmt::format("n{}", *number), (*number + incarnations) % 2 == 0 ? "red" : "blue"};
}

void Cluster::start(Machine& machine)
{
    if (machine.process != nullptr || machine.warden) return;
    machine.on = true;
    machine.process = std::make_unique<Process>(*this, machine);
    world.trace("{}: incarnation {} starts", machine.name, machine.incarnations);
}

void Cluster::kill(Machine& machine, Ending how, std::chrono::milliseconds stopped)
{
    if (machine.process == nullptr) return;
    world.trace("{}: incarnation {} is dead", machine.name, machine.incarnations);
    const bool has_warden = how == Ending::in_good_order || how == Ending::killed;
    // First the warden's part: it kills the commands while the kernel closes the connections.
    for (const std::weak_ptr<Child>& weak : machine.process->children) {
        const std::shared_ptr<Child> child = weak.lock();
        if (!child || !child->alive) continue;
        child->is_ours = false;
        child->on_end = nullptr;
        if (mutation == Mutation::survives_its_warden && has_warden) continue;
        const auto die = [this, child] { end_child(world, judge, child, true); };
        auto delay = world.random.between(0us, 10'000us) + stopped;
        if (has_warden && child->ignores_term) delay += orphan_grace;
        child->signal_end = world.at(world.now() + delay, die);
    }
    if (has_warden) leave_warden(machine, how, stopped);
    machine.process->die(how == Ending::power_off);
    machine.process.reset();
    if (how == Ending::power_off) machine.on = false;
}

void Cluster::leave_warden(Machine& machine, Ending how, std::chrono::milliseconds stopped)
{
    Warden& warden = machine.warden.emplace();
    warden.incarnation = machine.process->incarnation();
    warden.listened_from = machine.process->started();
    warden.died_at = world.now() + world.random.between(100us, 5000us) + stopped;
    warden.until = warden.died_at + (how == Ending::killed ? last_word : farewell);
    warden.children = machine.process->children;
    warden.look = world.at(warden.died_at, [this, &machine] { look_after(machine); });
}

/// Until nothing is left to do for the warden.
void Cluster::look_after(Machine& machine)
{
    Warden& warden = *machine.warden;
    const auto is_alive = [](const std::weak_ptr<Child>& weak) {
        const std::shared_ptr<Child> child = weak.lock();
        return child && child->alive;
    };
    const bool is_known = warden.was_heard || world.now() >= warden.until;
    if (is_known && std::none_of(warden.children.begin(), warden.children.end(), is_alive)) {
        machine.warden.reset();
        return;
    }
    warden.look = world.at(world.now() + 20ms, [this, &machine] { look_after(machine); });
}

}  // namespace peercron::simulation
