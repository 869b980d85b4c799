#include "node/node_facts.hpp"

#include <algorithm>
#include <set>

namespace peercron {

OwnFacts NodeFacts::own() const
{
    const DiskJournal::State journal = parts_.journal.state();
    OwnFacts facts{.now = parts_.clock.now(),
                   .is_journal_failing = journal == DiskJournal::State::failing ||
                                         journal == DiskJournal::State::unavailable};
    for (const Certificate* const one : {&parts_.certificate, &parts_.peer_certificate}) {
        const auto expiry = one->expiry();
        if (expiry) facts.certificates.push_back({one->owner(), *expiry});
    }
    return facts;
}

std::optional<WallTime> NodeFacts::certificate_expiry() const
{
    const std::vector<OwnFacts::Certificate> all = own().certificates;
    const auto first = std::ranges::min_element(all, {}, &OwnFacts::Certificate::expiry);
    return first == all.end() ? std::nullopt : std::optional(first->expiry);
}

ClusterFacts NodeFacts::cluster() const
{
    ClusterFacts facts;
    facts.now = parts_.clock.now();
    facts.self = parts_.self;
    for (const NodeLoad& load : parts_.dispatcher.loads()) {
        const bool has_clock = load.clock_known && load.node != facts.self;
        facts.nodes.push_back(
            {.name = load.node,
             .is_connected = load.connected,
             .is_draining = load.draining || (parts_.is_stopping() && load.node == facts.self),
             .clock = has_clock ? std::optional(load.clock_offset) : std::nullopt});
    }
    for (const Member& member : parts_.coordinator.members()) facts.registered.insert(member.name);
    if (parts_.has_peers) facts.ahead_of_database = parts_.dispatcher.ahead_of_database();
    if (const auto trouble = store_trouble()) {
        facts.store_away = ClusterFacts::Outage{trouble->since, trouble->why};
    }
    if (const auto audit = parts_.dispatcher.last_audit()) {
        facts.audit = ClusterFacts::Audited{audit->is_clean, audit->found};
    }
    return facts;
}

JobNews NodeFacts::job_news(std::uint64_t after) const
{
    const JobTable& table = parts_.dispatcher.jobs();
    JobNews news;
    news.through = table.changes();
    const auto changed = table.changed_after(after);
    if (!changed) return news;
    const std::set<JobId> ids(changed->begin(), changed->end());
    std::vector<ChangedJob>& jobs = news.jobs.emplace();
    for (const JobId id : ids) {
        const PlannedJob* const job = table.find(id);
        jobs.push_back({id, job != nullptr ? job->job.name : "", job == nullptr});
    }
    return news;
}

std::vector<NodeLoad> NodeFacts::loads() const
{
    std::vector<NodeLoad> loads = parts_.agent.roster().nodes;
    for (NodeLoad& load : loads) {
        if (load.node != parts_.self) continue;
        const NodeLoad own = parts_.agent.load();
        load.running = own.running;
        load.held = own.held;
        load.queued = own.queued;
        load.draining = own.draining || parts_.is_stopping();
    }
    return loads;
}

std::optional<StorePool::Trouble> NodeFacts::store_trouble() const
{
    std::optional<StorePool::Trouble> oldest = parts_.readiness.trouble();
    for (const StorePool* const pool : {&parts_.plan_store, &parts_.record_store}) {
        const auto& trouble = pool->trouble();
        if (trouble && (!oldest || trouble->since < oldest->since)) oldest = trouble;
    }
    return oldest;
}

std::string NodeFacts::not_ready() const
{
    if (parts_.is_stopping()) return "this node is stopping";
    if (!parts_.readiness.is_ready()) return "this node is starting, and waits for the store";
    if (store_trouble()) return "the store is away; runs go on";
    return "";
}

}  // namespace peercron
