#include "model/pause.hpp"

#include "model/tags.hpp"

#include <spdlog/fmt/fmt.h>

#include <utility>

namespace peercron {

bool is_about(const Pause& pause, const Job& job)
{
    if (pause.job != 0) return pause.job == job.id;
    return pause.tag.empty() || has_tag(job.tags, pause.tag);
}

std::string scope_text(const Pause& pause)
{
    if (pause.job != 0) return fmt::format("job {}", pause.job);
    return pause.tag.empty() ? std::string("all jobs") : fmt::format("tag {}", pause.tag);
}

Reason reason_of(const Pause& pause)
{
    if (pause.reason.empty()) return {Cause::paused, fmt::format("by {}", pause.made_by)};
    return {Cause::paused, fmt::format("{} ({})", pause.reason, pause.made_by)};
}

Pauses::Pauses(std::vector<Pause> pauses) : pauses_(std::move(pauses))
{
    for (std::size_t i = 0; i < pauses_.size(); ++i) {
        const Pause& pause = pauses_[i];
        if (pause.job != 0) {
            of_jobs_[pause.job].push_back(i);
        } else if (!pause.tag.empty()) {
            of_tags_[pause.tag].push_back(i);
        } else {
            of_all_.push_back(i);
        }
    }
}

const Pause* Pauses::find(JobId job, const std::vector<std::string>& tags, WallTime time) const
{
    const Pause* last = nullptr;
    const auto look = [&](const std::vector<std::size_t>& places) {
        for (const std::size_t place : places) {
            const Pause& pause = pauses_[place];
            const bool is_later = last == nullptr || last->end() < pause.end();
            if (pause.covers(time) && is_later) last = &pause;
        }
    };
    const auto look_in = [&](const auto& map, const auto& key) {
        const auto found = map.find(key);
        if (found != map.end()) look(found->second);
    };
    look(of_all_);
    if (!of_jobs_.empty()) look_in(of_jobs_, job);
    if (!of_tags_.empty()) {
        for (const std::string& tag : tags) look_in(of_tags_, tag);
    }
    return last;
}

WallTime Pauses::next_open(const Job& job, WallTime time) const
{
    // Each step passes a pause, and none covers its own end.
    while (const Pause* const pause = find(job, time)) {
        time = pause->end();
        if (time == WallTime::max()) break;
    }
    return time;
}

}  // namespace peercron
