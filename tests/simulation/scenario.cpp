#include "simulation/scenario.hpp"

#include <spdlog/fmt/chrono.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace peercron::simulation {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::string_view, all_fault_kinds> fault_names{
    "kill",
    "power_off",
    "pause",
    "leave",
    "cut",
    "cut_one_way",
    "isolate",
    "deaf",
    "mute",
    "cut_consul",
    "reset",
    "slow_network",
    "consul_away",
    "consul_wiped",
    "store_away",
    "store_slow",
    "store_flaky",
    "clock_jump",
    "add_job",
    "change_job",
    "delete_job",
    "run_now",
    "end_run",
    "refuse",
    "refuse_one_way",
    "kill_with_warden",
    "kill_and_stop",
    "clock_ahead",
    "store_late",
    "database_clock",
    "pause_jobs",
    "resume_jobs",
    "set_calendar",
};

/// What people do.
bool is_request(Fault fault)
{
    return (fault >= Fault::add_job && fault <= Fault::end_run) || fault == Fault::pause_jobs ||
           fault == Fault::resume_jobs || fault == Fault::set_calendar;
}

constexpr milliseconds calm{2000};  // before anything happens
constexpr milliseconds time_to_run_again{10'000};
constexpr std::string_view paused_tag = "a";

NodeName node_name(std::size_t index)
{
    return fmt::format("node{}:9991", index + 1);
}

std::string expression(Random& random)
{
    static const std::vector<int> steps{1, 1, 2, 3, 5, 10, 15};
    const int step = random.one_of(steps);
    return fmt::format("{}/{} * * * * *", random.below(static_cast<std::size_t>(step)), step);
}

Job draft(Random& random, std::size_t number)
{
    Job job;
    job.cron_set = expression(random);
    job.command = fmt::format("command {} version 1", number);
    job.is_mutex = random.once_in(3);
    if (random.once_in(6)) job.timeout = std::chrono::seconds(random.between(1, 3));
    if (random.once_in(8)) job.run_limit = random.between(3, 12);
    if (random.once_in(4)) job.misfire_window = std::chrono::seconds(random.between(3, 10));
    return job;
}

JobPatch patch(Random& random)
{
    JobPatch patch;
    switch (random.below(6)) {
        case 0:
            patch.set(&Job::stop, random.once_in(2));
            break;
        case 1:
            patch.set(&Job::cron_set, expression(random));
            break;
        case 2:
            patch.set(&Job::timeout, std::chrono::seconds(random.between(0, 3)));
            break;
        case 3:
            patch.set(&Job::end_time, 0);
            patch.set(&Job::start_time, 0);
            patch.set(&Job::stop, false);
            break;
        default:
            patch.set(&Job::command, fmt::format("command version {}", random.next() % 1'000'000));
            break;
    }
    return patch;
}

/// The same of a job without a schedule: a daemon, or one that runs after others.
JobPatch patch_of_unscheduled(Random& random)
{
    JobPatch patch;
    switch (random.below(4)) {
        case 0:
            patch.set(&Job::stop, random.once_in(2));
            break;
        case 1:
            patch.set(&Job::remark, fmt::format("remark {}", random.next() % 1'000'000));
            break;
        default:
            patch.set(&Job::stop, false);
            patch.set(&Job::command, fmt::format("command version {}", random.next() % 1'000'000));
            break;
    }
    return patch;
}

/// What a job may ask of nodes: of which there may be none for a while, but, where `is_lasting`,
/// not when everything is healed.
std::vector<std::string> any_run_on(Random& random, bool is_lasting)
{
    static const std::vector<std::vector<std::string>> lasting{
        {}, {"n0"}, {"!n1"}, {"!n2", "!n3"}, {"n0", "!n1"}};
    static const std::vector<std::vector<std::string>> passing{
        {"red"}, {"blue"}, {"!red", "!n2"}, {"red", "!n0"}};
    return random.one_of(is_lasting || random.once_in(2) ? lasting : passing);
}

/// With a command of its own, by which the judge knows the version.
JobPatch patch_of_where(Random& random, bool is_lasting)
{
    JobPatch patch;
    patch.set(&Job::command, fmt::format("command version {}", random.next() % 1'000'000));
    patch.set(&Job::run_on, any_run_on(random, is_lasting));
    patch.set(&Job::spread, random.once_in(2) ? Spread::sticky : Spread::one);
    return patch;
}

/// Which faults a run has at all: one that has a few kinds goes deeper than one that has them all.
std::vector<Fault> kinds(Random& random)
{
    std::vector<Fault> kinds;
    for (std::size_t i = 0; i < fault_kinds; ++i) {
        const auto fault = static_cast<Fault>(i);
        const bool is_rare = fault == Fault::consul_wiped || fault == Fault::clock_jump;
        if (random.once_in(is_rare ? 12 : is_request(fault) ? 2 : 4)) kinds.push_back(fault);
    }
    if (kinds.empty()) kinds.push_back(Fault::kill);
    // When clocks are seconds apart, "from now on" means something else to everybody.
    if (std::count(kinds.begin(), kinds.end(), Fault::clock_jump) != 0) {
        std::erase_if(kinds, [](Fault fault) {
            return fault == Fault::add_job || fault == Fault::change_job ||
                   fault == Fault::delete_job;
        });
    }
    return kinds;
}

/// Of jobs that want more than each fire at most once, one at a time.
void give_policies(Scenario& scenario, Random& random)
{
    scenario.jobs_stop_after = 20'000ms;
    for (Job& job : scenario.jobs) {
        if (random.once_in(2)) continue;
        job.delivery = Delivery::at_least_once;
        job.misfire_window = 0s;  // however late
    }
}

/// Of jobs whose fires wait for a run of theirs to end, or end it, and of which two may run.
void give_limits(Scenario& scenario, Random& random)
{
    static const std::vector<Overlap> overlaps{Overlap::skip, Overlap::queue, Overlap::replace};
    for (Job& job : scenario.jobs) {
        if (random.once_in(2)) continue;
        job.is_mutex = false;
        job.overlap = random.one_of(overlaps);
        job.max_concurrent = random.between(1, 2);
    }
}

/// Of jobs whose commands fail two times of three, and are tried again.
void give_retries(Scenario& scenario, Random& random)
{
    static const std::vector<int> steps{5, 10, 15, 30};
    static const std::vector<std::vector<std::string>> ends{
        {}, {}, {"failed"}, {"1", "70-80"}, {"!2"}, {"timeout", "75"}};
    scenario.jobs_stop_after = std::max(scenario.jobs_stop_after, milliseconds(30'000));
    for (Job& job : scenario.jobs) {
        if (random.once_in(3)) continue;
        const int step = random.one_of(steps);
        job.cron_set =
            fmt::format("{}/{} * * * * *", random.below(static_cast<std::size_t>(step)), step);
        job.command = fmt::format("{} {}", flaky, job.command);
        job.retries = random.between(1, 4);
        job.retry_delay = std::chrono::seconds(random.between(0, 4));
        job.retry_max_delay = std::chrono::seconds(random.between(0, 10));
        job.retry_on = random.one_of(ends);
    }
}

/// Of daemons, besides the jobs that there are.
void give_daemons(Scenario& scenario, Random& random)
{
    scenario.jobs_stop_after = std::max(scenario.jobs_stop_after, milliseconds(30'000));
    scenario.settings.rules.slots = 50;  // a daemon keeps its slot
    const auto count = random.between(1, 3);
    for (std::int64_t i = 0; i < count; ++i) {
        Job job;
        job.kind = JobKind::daemon;
        job.command = fmt::format("command daemon {} version 1", i + 1);
        if (random.once_in(4)) job.restart = Restart::on_failure;
        job.restart_delay = std::chrono::seconds(random.between(1, 2));
        job.restart_max_delay = std::chrono::seconds(random.between(1, 8));
        job.healthy_after = std::chrono::seconds(random.between(1, 6));
        if (random.once_in(3)) job.start_limit = random.between(2, 5);
        scenario.jobs.push_back(std::move(job));
    }
}

/// Of jobs that run after others, besides the jobs that there are.
void give_chains(Scenario& scenario, Random& random)
{
    static const std::vector<RunAfterOn> ends{RunAfterOn::success, RunAfterOn::success,
                                              RunAfterOn::failure, RunAfterOn::end};
    scenario.jobs_stop_after = std::max(scenario.jobs_stop_after, milliseconds(40'000));
    scenario.settings.rules.slots = 50;
    const auto parents = static_cast<std::size_t>(random.between(1, 2));
    for (std::size_t i = 0; i < parents; ++i) {
        Job& parent = scenario.jobs[i];
        parent.name = fmt::format("parent{}", i + 1);
        parent.cron_set = scenario.jobs[0].cron_set;
        if (random.once_in(2) && !parent.command.starts_with(flaky)) {
            parent.command = fmt::format("{} {}", flaky, parent.command);
        }
    }
    const auto children = random.between(1, 4);
    std::vector<std::string> names{"parent1"};
    for (std::int64_t i = 0; i < children; ++i) {
        Job job;
        job.name = fmt::format("child{}", i + 1);
        job.command = fmt::format("command child {} version 1", i + 1);
        job.run_after = {random.one_of(names)};
        if (parents > 1 && random.once_in(3)) job.run_after = {"parent1", "parent2"};
        job.run_after_on = random.one_of(ends);
        if (random.once_in(3)) job.delivery = Delivery::at_least_once;
        names.push_back(job.name);
        scenario.jobs.push_back(std::move(job));
    }
}

/// Of nodes with labels, and of jobs that ask for some.
void give_labels(Scenario& scenario, Random& random)
{
    scenario.has_labels = true;
    for (Job& job : scenario.jobs) {
        if (random.once_in(3)) continue;
        job.run_on = any_run_on(random, job.kind == JobKind::daemon);
        if (random.once_in(3)) job.spread = Spread::sticky;
    }
}

std::vector<std::string> draw_locks(Random& random)
{
    static const std::vector<std::vector<std::string>> all{
        {},         {"a"},          {"a"},      {"b"},   {"b:2"},
        {"a", "b"}, {"b:2", "c:2"}, {"b", "c"}, {"c:3"}, {"a", "c"}};
    return random.one_of(all);
}

/// Of jobs that share locks, in groups that come apart and together again when jobs are changed.
void give_locks(Scenario& scenario, Random& random)
{
    static const std::vector<Overlap> overlaps{Overlap::allow, Overlap::skip, Overlap::queue,
                                               Overlap::queue, Overlap::replace};
    scenario.lock_limits = {{"b", 2, "", {}}, {"c", 3, "", {}}};
    for (Job& job : scenario.jobs) {
        if (job.kind == JobKind::daemon) continue;
        job.locks = draw_locks(random);
        if (random.once_in(2)) job.overlap = random.one_of(overlaps);
    }
}

/// Of jobs that start some seconds after they are due, each fire at a moment of its own.
void give_jitter(Scenario& scenario, Random& random)
{
    for (Job& job : scenario.jobs) {
        if (has_schedule(job) && random.once_in(2)) {
            job.jitter = std::chrono::seconds(random.between(1, 12));
        }
    }
}

/// Of jobs that require others, which fail now and then, besides the jobs that there are.
void give_requires(Scenario& scenario, Random& random)
{
    static const std::vector<int> steps{3, 5, 10, 15};
    static const std::vector<int> waits{0, 0, 2, 5, 12};
    scenario.jobs_stop_after = std::max(scenario.jobs_stop_after, milliseconds(40'000));
    scenario.settings.rules.slots = std::max<std::size_t>(scenario.settings.rules.slots, 50);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < 2; ++i) {
        Job& needed = scenario.jobs[i];
        needed.spread = Spread::one;  // with parts it is refused
        needed.shards = 1;
        if (needed.name.empty()) needed.name = fmt::format("needed{}", i + 1);
        names.push_back(needed.name);
        if (random.once_in(2) && !needed.command.starts_with(flaky)) {
            needed.command = fmt::format("{} {}", flaky, needed.command);
        }
    }
    const auto count = random.between(1, 3);
    for (std::int64_t i = 0; i < count; ++i) {
        Job job;
        const int step = random.one_of(steps);
        job.cron_set =
            fmt::format("{}/{} * * * * *", random.below(static_cast<std::size_t>(step)), step);
        job.command = fmt::format("command demanding {} version 1", i + 1);
        job.required = {random.one_of(names)};
        if (random.once_in(4)) job.required = names;
        job.requires_wait = std::chrono::seconds(random.one_of(waits));
        if (random.once_in(4)) {
            job.delivery = Delivery::at_least_once;
            job.misfire_window = 0s;
        }
        if (random.once_in(4)) job.jitter = std::chrono::seconds(random.between(1, 5));
        job.is_mutex = random.once_in(3);
        scenario.jobs.push_back(std::move(job));
    }
}

JobPatch draw_shards(Random& random)
{
    JobPatch patch;
    const std::int64_t shards = random.between(1, 4);
    patch.set(&Job::shards, shards);
    patch.set(&Job::spread, shards > 1 ? Spread::shards : Spread::one);
    return patch;
}

/// Of jobs whose fires are several runs.
void give_shards(Scenario& scenario, Random& random)
{
    scenario.has_shards = true;
    if (scenario.settings.rules.slots == 50) scenario.settings.rules.slots = 200;
    for (Job& job : scenario.jobs) {
        if (job.kind != JobKind::daemon && !random.once_in(3))
            job = apply(job, draw_shards(random));
    }
}

JobPatch draw_every(Random& random)
{
    JobPatch patch;
    patch.set(&Job::shards, 1);
    patch.set(&Job::spread, random.once_in(3) ? Spread::one : Spread::every);
    return patch;
}

/// Of jobs whose fires run at every node.
void give_every(Scenario& scenario, Random& random)
{
    scenario.has_every = true;
    if (scenario.settings.rules.slots == 50) scenario.settings.rules.slots = 200;
    for (Job& job : scenario.jobs) {
        const bool may_have = job.kind != JobKind::daemon && job.locks.empty();
        if (may_have && random.once_in(2)) job = apply(job, draw_every(random));
    }
}

/// Of connections that are refused and reset though everybody lives, for milliseconds and for
/// minutes, and of deaths that nobody tells of, or late.
void give_refusals(Scenario& scenario, Random& random)
{
    static const std::vector<Fault> faults{Fault::refuse,           Fault::refuse,
                                           Fault::refuse_one_way,   Fault::refuse_one_way,
                                           Fault::kill_with_warden, Fault::kill_and_stop};
    static const std::vector<int> longest{20, 300, 2500, 2500, 2500, 12'000, 12'000, 90'000};
    const auto latest = std::max<std::int64_t>(scenario.healed.count(), 10'000);
    const auto count = random.between(1, 4);
    for (std::int64_t i = 0; i < count; ++i) {
        Happening happening;
        happening.at = calm + milliseconds(random.between(0, latest));
        happening.fault = random.one_of(faults);
        happening.length = milliseconds(random.between(2, random.one_of(longest)));
        happening.dice = random.next();
        scenario.happenings.push_back(happening);
        scenario.healed = std::max(scenario.healed, happening.at + happening.length + 100ms);
    }
    const auto earlier = [](const Happening& a, const Happening& b) { return a.at < b.at; };
    std::stable_sort(scenario.happenings.begin(), scenario.happenings.end(), earlier);
}

/// Of clocks that are ahead, while nodes run and between two of their terms or lives, of one that
/// is alone, and of a database whose clock is another one after a failover.
void give_wrong_clocks(Scenario& scenario, Random& random)
{
    // As with clock_jump; and that one would set these clocks right.
    std::erase_if(scenario.happenings, [](const Happening& happening) {
        return happening.fault == Fault::add_job || happening.fault == Fault::change_job ||
               happening.fault == Fault::delete_job || happening.fault == Fault::clock_jump;
    });
    scenario.has_wrong_clocks = true;
    scenario.jobs_stop_after = 30'000ms;
    const bool is_alone = random.once_in(3);
    if (is_alone) {
        scenario.nodes = 1;
        scenario.has_database_clock = false;
        scenario.clock_errors.assign(1, 0ms);
    }
    // That a run has started is in no journal: of one that did while the store was away, and by a
    // clock that was set right since, nobody would know after a death.
    if (is_alone) {
        std::erase_if(scenario.happenings, [](const Happening& happening) {
            return happening.fault == Fault::store_away || happening.fault == Fault::store_flaky;
        });
    }
    const bool is_databases = !is_alone && random.once_in(3);
    milliseconds at = calm;
    const auto count = random.between(1, 2);
    for (std::int64_t i = 0; i < count; ++i) {
        Happening happening;
        happening.at = at + milliseconds(random.between(0, 12'000));
        happening.length = milliseconds(random.between(100, 20'000));
        happening.fault = is_databases ? Fault::database_clock : Fault::clock_ahead;
        happening.dice = random.next();
        scenario.happenings.push_back(happening);
        at = happening.at + happening.length + 15'000ms;
        scenario.healed = std::max(scenario.healed, happening.at + happening.length + 100ms);
        if (random.once_in(3)) {
            Happening late = happening;
            const bool is_away = random.once_in(2) && !is_alone;
            late.fault = is_away ? Fault::store_away : Fault::store_late;
            late.at += milliseconds(random.between(-2'000, 2'000));
            scenario.happenings.push_back(late);
            scenario.healed = std::max(scenario.healed, late.at + late.length + 100ms);
        }
        if (!random.once_in(3)) continue;
        // It is set right while nobody is there, or somebody else.
        Happening death = happening;
        death.fault = random.once_in(2) ? Fault::kill : Fault::leave;
        death.at += happening.length - milliseconds(random.between(0, happening.length.count()));
        death.length = milliseconds(random.between(20, 8'000));
        scenario.happenings.push_back(death);
        scenario.healed = std::max(scenario.healed, death.at + death.length + 100ms);
    }
    const auto earlier = [](const Happening& a, const Happening& b) { return a.at < b.at; };
    std::stable_sort(scenario.happenings.begin(), scenario.happenings.end(), earlier);
}

/// Of pauses of all jobs, of a tag and of one job, with an end and without, and of people who end
/// them. What "from now on" means is the same for everybody.
void give_pauses(Scenario& scenario, Random& random)
{
    const auto sets_clocks = [](const Happening& happening) {
        return happening.fault == Fault::clock_jump;
    };
    if (scenario.has_wrong_clocks || std::ranges::any_of(scenario.happenings, sets_clocks)) return;
    for (Job& job : scenario.jobs) {
        if (random.once_in(2)) job.tags = {std::string(paused_tag)};
    }
    const auto latest = std::max<std::int64_t>(scenario.healed.count(), 10'000);
    const auto count = random.between(1, 5);
    for (std::int64_t i = 0; i < count; ++i) {
        Happening happening;
        happening.at = calm + milliseconds(random.between(0, latest));
        happening.fault = random.once_in(3) ? Fault::resume_jobs : Fault::pause_jobs;
        happening.dice = random.next();
        scenario.happenings.push_back(happening);
        scenario.healed = std::max(scenario.healed, happening.at + 100ms);
    }
    const auto earlier = [](const Happening& a, const Happening& b) { return a.at < b.at; };
    std::stable_sort(scenario.happenings.begin(), scenario.happenings.end(), earlier);
}

std::string calendar_moment(WallTime time)
{
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(std::time_t{to_unix_seconds(time)}));
}

/// Up to three times of some seconds each.
std::string draw_dates(Random& random, WallTime from)
{
    std::string dates;
    const auto count = random.between(1, 3);
    for (std::int64_t i = 0; i < count; ++i) {
        const WallTime begin = from + std::chrono::seconds(random.between(0, 20));
        const WallTime end = begin + std::chrono::seconds(random.between(1, 8));
        dates += fmt::format("{}{}..{}", dates.empty() ? "" : ",", calendar_moment(begin),
                             calendar_moment(end));
    }
    return dates;
}

/// Of jobs that fire only in, or outside of, some times, which people change.
void give_calendar(Scenario& scenario, Random& random)
{
    const auto sets_clocks = [](const Happening& happening) {
        return happening.fault == Fault::clock_jump;
    };
    if (scenario.has_wrong_clocks || std::ranges::any_of(scenario.happenings, sets_clocks)) return;
    scenario.calendar_dates = draw_dates(random, World::origin + calm);
    const std::string name(calendar_name);
    for (Job& job : scenario.jobs) {
        if (!has_schedule(job) || !random.once_in(2)) continue;
        job.calendar = {random.once_in(4) ? name : "!" + name};
    }
    const auto latest = std::max<std::int64_t>(scenario.healed.count(), 10'000);
    const auto count = random.between(0, 4);
    for (std::int64_t i = 0; i < count; ++i) {
        Happening happening;
        happening.at = calm + milliseconds(random.between(0, latest));
        happening.fault = Fault::set_calendar;
        happening.dice = random.next();
        scenario.happenings.push_back(happening);
        scenario.healed = std::max(scenario.healed, happening.at + 100ms);
    }
    const auto earlier = [](const Happening& a, const Happening& b) { return a.at < b.at; };
    std::stable_sort(scenario.happenings.begin(), scenario.happenings.end(), earlier);
}

/// One run of a scenario.
class Course {
public:
    Course(const Scenario& scenario, Mutation mutation, bool traced)
        : scenario_(scenario),
          cluster_(scenario.seed, scenario.settings, mutation, traced),
          world_(cluster_.world)
    {}

    Outcome run()
    {
        start();
        for (const Happening& happening : scenario_.happenings) {
            world_.post(begin_ + happening.at, [this, happening] { happen(happening); });
        }
        world_.post(begin_ + scenario_.healed, [this] { heal(); });
        world_.post(begin_ + scenario_.healed + scenario_.jobs_stop_after, [this] { stop_jobs(); });
        World::Time end = begin_ + scenario_.healed + scenario_.jobs_stop_after + 1s;
        const DispatchSettings& dispatch = scenario_.settings.dispatch;
        const World::Time latest = end + dispatch.start_deadline + dispatch.lease +
                                   dispatch.lease_margin + scenario_.settings.drain_timeout + 20s;
        for (;; end += 1s) {
            try {
                world_.run_until(end);
            } catch (const std::exception& error) {
                cluster_.judge.broken("an exception", error.what());
            }
            if (!cluster_.judge.verdict().empty() || end >= latest) break;
            if (quiet()) break;
        }
        if (cluster_.judge.verdict().empty()) close();

        Outcome outcome;
        outcome.verdict = cluster_.judge.verdict();
        outcome.fingerprint = world_.fingerprint();
        outcome.gave_up = cluster_.judge.gave_up();
        outcome.events = world_.events();
        outcome.counts = cluster_.judge.counts();
        return outcome;
    }

private:
    void start()
    {
        for (std::size_t i = 0; i < scenario_.nodes; ++i) {
            auto machine = std::make_unique<Machine>();
            machine->name = node_name(i);
            machine->clock_error = scenario_.clock_errors.at(i);
            machine->has_journal = scenario_.have_journals;
            machine->longest_command = scenario_.longest_command;
            if (scenario_.has_labels) machine->number = i;
            cluster_.machines.push_back(std::move(machine));
        }
        if (!scenario_.has_database_clock) cluster_.database.clock_error.reset();
        const auto sets_clocks = [](const Happening& happening) {
            return happening.fault == Fault::clock_jump;
        };
        if (scenario_.has_wrong_clocks || std::ranges::any_of(scenario_.happenings, sets_clocks)) {
            cluster_.judge.expect_wrong_clocks();
        }
        if (scenario_.has_database_clock && scenario_.has_wrong_clocks) {
            cluster_.judge.expect_true_time();
        }
        cluster_.database.lock_limits = scenario_.lock_limits;
        for (const LockLimit& lock : scenario_.lock_limits) {
            cluster_.judge.set_lock_limit(lock.name, lock.limit);
        }
        if (!scenario_.calendar_dates.empty()) {
            Calendar calendar;
            calendar.name = calendar_name;
            calendar.dates = scenario_.calendar_dates;
            cluster_.judge.calendar_confirmed(cluster_.database.put_calendar(calendar).id);
        }
        for (const Job& job : scenario_.jobs) cluster_.database.add_job(job, world_.wall());
        for (const auto& machine : cluster_.machines) cluster_.start(*machine);
        begin_ = world_.now();
        if (scenario_.dispatcher_only) {
            const auto bound = [this] { cluster_.judge.bound_lateness(3000ms); };
            world_.post(begin_ + calm, bound);
        }
    }

    Machine& any_machine(Random& dice)
    {
        return *cluster_.machines[dice.below(cluster_.machines.size())];
    }

    Machine* dispatching_machine()
    {
        for (const auto& machine : cluster_.machines) {
            if (machine->process && machine->process->dispatcher().epoch() != 0) {
                return machine.get();
            }
        }
        return nullptr;
    }

    /// The dispatcher more often than others.
    Machine& victim(Random& dice)
    {
        const bool aimed = scenario_.dispatcher_only || dice.once_in(3);
        Machine& anybody = any_machine(dice);
        if (!aimed) return anybody;
        Machine* dispatching = dispatching_machine();
        return dispatching != nullptr ? *dispatching : anybody;
    }

    void after(milliseconds time, World::Work work)
    {
        world_.post(world_.now() + time, std::move(work));
    }

    void happen(const Happening& happening)
    {
        Random dice(happening.dice);
        Machine& drawn = victim(dice);
        Machine& other_drawn = any_machine(dice);
        Machine& one = happening.one.empty() ? drawn : cluster_.machine(happening.one);
        Machine& other = happening.other.empty() ? other_drawn : cluster_.machine(happening.other);
        world_.trace("*** {} for {} ms: {} {}", to_string(happening.fault),
                     happening.length.count(), one.name, other.name);
        if (is_request(happening.fault)) {
            request(happening.fault, one, dice);
        } else {
            strike(happening, one, other, dice);
        }
    }

    void strike(const Happening& happening, Machine& one, Machine& other, Random& dice)
    {
        const milliseconds length = happening.length;
        switch (happening.fault) {
            case Fault::kill:
            case Fault::kill_with_warden:
                cluster_.kill(one, happening.fault == Fault::kill ? Ending::killed
                                                                  : Ending::killed_with_warden);
                cluster_.judge.is_away(one.name);
                after(length, [this, &one] { revive(one); });
                break;
            case Fault::kill_and_stop:
                // Longer, and others may start what nobody has ended here.
                cluster_.kill(one, Ending::killed,
                              std::min(length, scenario_.settings.dispatch.lease - 500ms));
                after(length, [this, &one] { revive(one); });
                break;
            case Fault::power_off:
                cluster_.kill(one, Ending::power_off);
                if (!one.on) cut_off(one, true, true, true);
                after(length, [this, &one] { revive(one); });
                break;
            case Fault::refuse:
            case Fault::refuse_one_way: {
                if (&one == &other) break;
                const bool both = happening.fault == Fault::refuse;
                cluster_.network.refuse(one.name, other.name);
                if (both) cluster_.network.refuse(other.name, one.name);
                after(length, [this, &one, &other, both] {
                    cluster_.network.accept(one.name, other.name);
                    if (both) cluster_.network.accept(other.name, one.name);
                });
                break;
            }
            case Fault::pause:
                if (one.process) one.process->stop_execution();
                cluster_.judge.excuse(one.name);
                after(length, [&one] {
                    if (one.process && one.process->stopped()) one.process->go_on();
                });
                break;
            case Fault::leave:
                if (one.process) one.process->stop();
                cluster_.judge.is_away(one.name);
                after(length, [this, &one] { revive(one); });
                break;
            case Fault::cut:
            case Fault::cut_one_way:
                if (&one == &other) break;
                cluster_.network.cut(one.name, other.name);
                if (happening.fault == Fault::cut) cluster_.network.cut(other.name, one.name);
                after(length, [this, &one, &other] {
                    if (!one.on || !other.on) return;
                    cluster_.network.mend(one.name, other.name);
                    cluster_.network.mend(other.name, one.name);
                });
                break;
            case Fault::isolate:
            case Fault::deaf:
            case Fault::mute:
                cut_off(one, happening.fault != Fault::mute, happening.fault != Fault::deaf, true);
                after(length, [this, &one] {
                    if (one.on) cut_off(one, true, true, false);
                });
                break;
            case Fault::cut_consul:
                one.cut_from_consul = true;
                after(length, [&one] { one.cut_from_consul = false; });
                break;
            case Fault::reset:
                if (&one != &other) cluster_.network.reset(one.name, other.name);
                break;
            case Fault::slow_network:
                cluster_.network.set_slowest(
                    std::chrono::microseconds(dice.between(5, 400) * 1000));
                after(length, [this] { cluster_.network.set_slowest(1ms); });
                break;
            case Fault::consul_away:
                cluster_.consul.set_away(true);
                after(length, [this] { cluster_.consul.set_away(false); });
                break;
            case Fault::consul_wiped:
                cluster_.consul.wipe();
                break;
            case Fault::store_away:
                cluster_.weather.away = true;
                after(length, [this] { cluster_.weather.away = false; });
                break;
            case Fault::store_slow:
                cluster_.weather.slowest = std::chrono::microseconds(dice.between(20, 800) * 1000);
                after(length, [this] { cluster_.weather.slowest = 4ms; });
                break;
            case Fault::store_flaky:
                cluster_.weather.fails_once_in = static_cast<int>(dice.between(2, 10));
                cluster_.weather.hangs_once_in = static_cast<int>(dice.between(3, 20));
                after(length, [this] {
                    cluster_.weather.fails_once_in = 0;
                    cluster_.weather.hangs_once_in = 0;
                });
                break;
            case Fault::clock_jump:
                one.clock_error = milliseconds(dice.between(-1800, 1800));
                after(length, [&one] { one.clock_error = 0ms; });
                break;
            case Fault::clock_ahead: {
                static const std::vector<milliseconds> by{3s, 5s, 7s, 15s, 40s, 1h, 24h};
                static const std::vector<milliseconds> by_little{3s, 5s, 7s, 15s, 40s};
                one.clock_error = dice.one_of(runs_all_missed() ? by_little : by);
                if (!scenario_.has_database_clock) cluster_.judge.clock_is_wrong();
                after(length, [this, &one] {
                    world_.trace("*** the clock of {} is set right", one.name);
                    one.clock_error = 0ms;
                    if (!scenario_.has_database_clock) cluster_.judge.clock_is_right();
                });
                break;
            }
            case Fault::store_late:
                cluster_.weather.late_once_in = static_cast<int>(dice.between(2, 6));
                after(length, [this] { cluster_.weather.late_once_in = 0; });
                break;
            case Fault::database_clock: {
                static const std::vector<milliseconds> by{-1h, -20s, -3s, 3s, 20s, 1h};
                cluster_.database.clock_error = dice.one_of(by);
                after(length, [this] { cluster_.database.clock_error = 0ms; });
                break;
            }
            default:
                break;
        }
    }

    /// A node that is alone plans by its clock: then a day of fires is long.
    bool runs_all_missed() const
    {
        if (scenario_.has_database_clock) return false;
        const auto is_boundless = [](const Job& job) { return job.misfire_window == 0s; };
        return scenario_.settings.dispatch.misfire_window == 0ms ||
               std::any_of(scenario_.jobs.begin(), scenario_.jobs.end(), is_boundless);
    }

    /// What people do.
    void request(Fault fault, Machine& at, Random& dice)
    {
        if (!at.process || !at.process->accepts()) return;
        Process& node = *at.process;
        const auto& jobs = cluster_.database.jobs();
        if (fault == Fault::add_job) return node.add_job(draft(dice, 100 + dice.below(100)));
        if (fault == Fault::resume_jobs) return node.resume_jobs();
        if (fault == Fault::set_calendar) return node.set_calendar(draw_dates(dice, node.wall()));
        if (jobs.empty()) return;
        const JobId job =
            std::next(jobs.begin(), static_cast<long>(dice.below(jobs.size())))->first;
        const bool again_too_soon = changed_.contains(job) && world_.now() - changed_[job] < 2s;
        if (fault == Fault::run_now) return node.run_now(job);
        if (fault == Fault::end_run) {
            const auto& rows = cluster_.database.rows();
            std::vector<RunId> open;
            for (const auto& [id, row] : rows) {
                if (!is_final(row.state)) open.push_back(id);
            }
            if (!open.empty()) node.end_run(dice.one_of(open));
            return;
        }
        if (fault == Fault::pause_jobs) return node.pause_jobs(pause_of(node, job, dice));
        if (again_too_soon) return;
        changed_[job] = world_.now();
        if (fault == Fault::delete_job) return node.delete_job(job);
        const bool is_scheduled = has_schedule(jobs.at(job));
        if (scenario_.has_labels && dice.once_in(3)) {
            const bool is_daemon = jobs.at(job).kind == JobKind::daemon;
            return node.change_job(job, patch_of_where(dice, is_daemon));
        }
        if (!scenario_.lock_limits.empty() && jobs.at(job).kind != JobKind::daemon &&
            dice.once_in(2)) {
            JobPatch patch;
            patch.set(&Job::locks, draw_locks(dice));
            return node.change_job(job, patch);
        }
        if (scenario_.has_shards && may_have_shards(jobs, job) && dice.once_in(3)) {
            JobPatch cut = draw_shards(dice);
            cut.set(&Job::command, fmt::format("command version {}", dice.next() % 1'000'000));
            return node.change_job(job, cut);
        }
        if (scenario_.has_every && may_have_shards(jobs, job) && dice.once_in(3)) {
            JobPatch cut = draw_every(dice);
            cut.set(&Job::command, fmt::format("command version {}", dice.next() % 1'000'000));
            return node.change_job(job, cut);
        }
        node.change_job(job, is_scheduled ? patch(dice) : patch_of_unscheduled(dice));
    }

    /// A daemon has none, nor what requires others, or is required.
    static bool may_have_shards(const std::map<JobId, Job>& jobs, JobId job)
    {
        const Job& asked = jobs.at(job);
        return asked.kind != JobKind::daemon && asked.required.empty() &&
               std::ranges::none_of(jobs, [&](const auto& other) {
                   return std::ranges::count(other.second.required, asked.name) > 0;
               });
    }

    static Pause pause_of(const Process& node, JobId job, Random& dice)
    {
        Pause pause;
        pause.begins_at = node.wall();
        if (dice.once_in(4)) pause.begins_at += milliseconds(dice.between(0, 6000));
        if (!dice.once_in(3)) {
            pause.until = pause.begins_at + milliseconds(dice.between(1, 12'000));
        }
        switch (dice.below(3)) {
            case 0:
                pause.job = job;
                break;
            case 1:
                pause.tag = paused_tag;
                break;
            default:
                break;
        }
        return pause;
    }

    void cut_off(Machine& machine, bool in, bool out, bool off)
    {
        machine.cut_from_consul = off;
        for (const auto& other : cluster_.machines) {
            if (other.get() == &machine) continue;
            const auto& change = off ? &Network::cut : &Network::mend;
            if (in) (cluster_.network.*change)(other->name, machine.name);
            if (out) (cluster_.network.*change)(machine.name, other->name);
        }
    }

    void revive(Machine& machine)
    {
        if (machine.process != nullptr) {
            // It is still on its way out, or somebody else was quicker.
            if (machine.process->is_stopping()) after(500ms, [this, &machine] { revive(machine); });
            return;
        }
        if (machine.warden) {
            after(20ms, [this, &machine] { revive(machine); });
            return;
        }
        if (!machine.on) {
            machine.on = true;
            cut_off(machine, true, true, false);
        }
        cluster_.start(machine);
    }

    void heal()
    {
        world_.trace("*** everything is healed");
        end_pauses();
        // A call that was under way may have made one since.
        after(8000ms, [this] { end_pauses(); });
        cluster_.weather = StoreWeather();
        cluster_.consul.set_away(false);
        cluster_.network.set_slowest(1ms);
        for (const auto& machine : cluster_.machines) {
            if (machine->on) cut_off(*machine, true, true, false);
            machine->cut_from_consul = false;
            if (machine->process && machine->process->stopped()) machine->process->go_on();
            revive(*machine);
            machine->longest_command = 1000ms;
        }
    }

    void end_pauses() { cluster_.database.end_pauses(world_.wall()); }

    void stop_jobs()
    {
        world_.trace("*** the jobs are stopped");
        cluster_.judge.check_daemons();
        JobPatch stop;
        stop.set(&Job::stop, true);
        std::vector<JobId> ids;
        for (const auto& [id, job] : cluster_.database.jobs()) ids.push_back(id);
        for (const JobId id : ids) cluster_.database.update_job(id, stop, world_.wall());
        stopped_at_ = world_.now();
    }

    bool quiet()
    {
        if (world_.now() - stopped_at_ < 5s || !cluster_.judge.all_final()) return false;
        for (const auto& machine : cluster_.machines) {
            if (!machine->process || !machine->process->executor().idle()) return false;
            if (!machine->process->recorder().pending().empty()) return false;
        }
        const Machine* dispatching = dispatching_machine();
        return dispatching != nullptr && dispatching->process->open_runs() == 0 &&
               dispatching->process->steps_waiting() == 0;
    }

    void close()
    {
        std::map<NodeName, std::uint64_t> alive;
        for (const auto& machine : cluster_.machines) {
            if (!machine->process) {
                cluster_.judge.broken("a node does not come back", machine->name);
                continue;
            }
            alive[machine->name] = machine->process->incarnation();
            if (!machine->process->executor().idle()) {
                cluster_.judge.broken("a node keeps runs", machine->name);
            }
        }
        cluster_.judge.close(alive, stopped_at_ - time_to_run_again);
        const Machine* dispatching = dispatching_machine();
        if (dispatching == nullptr) {
            cluster_.judge.broken("nobody dispatches", "after everything was healed");
            return;
        }
        const auto open = dispatching->process->open_runs();
        if (open != 0) {
            cluster_.judge.broken("a term keeps runs", fmt::format("{} of them", open));
        }
    }

    const Scenario& scenario_;
    Cluster cluster_;
    World& world_;
    World::Time begin_{};
    World::Time stopped_at_{};
    std::map<JobId, World::Time> changed_;
};

}  // namespace

std::string_view to_string(Fault fault)
{
    return fault_names.at(static_cast<std::size_t>(fault));
}

Scenario Scenario::usual()
{
    Scenario scenario;
    DispatchSettings& dispatch = scenario.settings.dispatch;
    dispatch.lease_margin = 2000ms;
    dispatch.audit_interval = 0ms;  // the judge audits
    RunRules& rules = scenario.settings.rules;
    rules.slots = 50;
    rules.silence_limit = dispatch.silence_limit;
    rules.kill_grace = 1000ms;
    return scenario;
}

Scenario Scenario::from_seed(std::uint64_t seed)
{
    Random random(seed ^ 0x5CE4A210ULL);
    Scenario scenario = usual();
    scenario.seed = seed;

    DispatchSettings& dispatch = scenario.settings.dispatch;
    static const std::vector<milliseconds> leases{3000ms, 4000ms, 10'000ms};
    static const std::vector<milliseconds> deadlines{3000ms, 8000ms, 30'000ms};
    static const std::vector<milliseconds> windows{0ms, 5000ms, 60'000ms};
    dispatch.lease = random.one_of(leases);
    dispatch.start_deadline = random.one_of(deadlines);
    dispatch.misfire_window = random.one_of(windows);
    RunRules& rules = scenario.settings.rules;
    rules.slots = random.once_in(4) ? static_cast<std::size_t>(random.between(1, 3)) : 50;
    rules.lease = dispatch.lease;

    scenario.nodes = random.once_in(5) ? 2 : 3;
    for (std::size_t i = 0; i < scenario.nodes; ++i) {
        scenario.clock_errors.emplace_back(random.once_in(2) ? random.between(-150, 150) : 0);
    }
    scenario.have_journals = !random.once_in(4);
    if (random.once_in(3)) scenario.longest_command = 25'000ms;
    const auto jobs = static_cast<std::size_t>(random.between(2, 8));
    for (std::size_t i = 0; i < jobs; ++i) scenario.jobs.push_back(draft(random, i + 1));

    scenario.dispatcher_only = random.once_in(8);
    if (scenario.dispatcher_only) {
        rules.slots = 50;
        std::fill(scenario.clock_errors.begin(), scenario.clock_errors.end(), 0ms);
    }
    std::vector<Fault> faults = kinds(random);
    if (scenario.dispatcher_only) faults = {Fault::kill, Fault::pause, Fault::leave};
    const auto span = random.between(8000, 25'000);
    const auto count = static_cast<std::size_t>(random.between(1, 14));
    static const std::vector<int> longest{2500, 2500, 2500, 2500, 12'000, 25'000};
    for (std::size_t i = 0; i < count; ++i) {
        Happening happening;
        happening.at = calm + milliseconds(random.between(0, span));
        happening.fault = random.one_of(faults);
        happening.length = milliseconds(random.between(20, random.one_of(longest)));
        happening.dice = random.next();
        // One after the other: that the next dispatcher dies, too, is another promise.
        if (scenario.dispatcher_only) {
            happening.at = calm + i * 8000ms;
            happening.length = std::min<milliseconds>(happening.length, 5000ms);
        }
        scenario.happenings.push_back(happening);
    }
    const auto earlier = [](const Happening& a, const Happening& b) { return a.at < b.at; };
    std::sort(scenario.happenings.begin(), scenario.happenings.end(), earlier);
    if (scenario.dispatcher_only && scenario.happenings.size() > 3) scenario.happenings.resize(3);
    for (const Happening& happening : scenario.happenings) {
        scenario.healed = std::max(scenario.healed, happening.at + happening.length);
    }
    scenario.healed += 100ms;
    // Drawn last, so that a seed without this stays what it was.
    Random policies(seed ^ 0x9A17C1E5ULL);
    if (policies.once_in(4)) give_policies(scenario, policies);
    // A number with which the seeds that are kept do not draw this.
    Random limits(seed ^ 0x0E51A96CULL);
    if (limits.once_in(3)) give_limits(scenario, limits);
    Random retries(seed ^ 0x4E71E5ULL);
    if (retries.once_in(3)) give_retries(scenario, retries);
    Random refusals(seed ^ 0x7E5E7ED0ULL);
    if (!scenario.dispatcher_only && refusals.once_in(3)) give_refusals(scenario, refusals);
    Random clocks(seed ^ 0x10CC0031ULL);
    if (!scenario.dispatcher_only && clocks.once_in(6)) give_wrong_clocks(scenario, clocks);
    Random daemons(seed ^ 0xDAE3015ULL);
    if (!scenario.dispatcher_only && daemons.once_in(4)) give_daemons(scenario, daemons);
    Random chains(seed ^ 0xC4A1275ULL);
    if (!scenario.dispatcher_only && chains.once_in(3)) give_chains(scenario, chains);
    Random labels(seed ^ 0x1ABE15ULL);
    if (!scenario.dispatcher_only && labels.once_in(4)) give_labels(scenario, labels);
    Random pauses(seed ^ 0x9A05E5ULL);
    if (pauses.once_in(4)) give_pauses(scenario, pauses);
    Random locks(seed ^ 0x10C5A7EULL);
    if (locks.once_in(3)) give_locks(scenario, locks);
    Random jitter(seed ^ 0x717E5ULL);
    if (jitter.once_in(4)) give_jitter(scenario, jitter);
    Random calendars(seed ^ 0xCA1E4DA5ULL);
    if (calendars.once_in(4)) give_calendar(scenario, calendars);
    Random shards(seed ^ 0x54A2D5ULL);
    if (shards.once_in(3)) give_shards(scenario, shards);
    Random every(seed ^ 0xE7E47ULL);
    if (every.once_in(4)) give_every(scenario, every);
    Random requirements(seed ^ 0x4E90145ULL);
    if (requirements.once_in(3)) give_requires(scenario, requirements);
    return scenario;
}

Outcome run(const Scenario& scenario, Mutation mutation, bool traced)
{
    return Course(scenario, mutation, traced).run();
}

Scenario minimize(Scenario scenario, Mutation mutation)
{
    for (std::size_t i = scenario.happenings.size(); i-- > 0;) {
        Scenario smaller = scenario;
        smaller.happenings.erase(smaller.happenings.begin() + static_cast<long>(i));
        if (!run(smaller, mutation).verdict.empty()) scenario = std::move(smaller);
    }
    return scenario;
}

}  // namespace peercron::simulation
