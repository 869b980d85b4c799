#pragma once

#include "base/clock.hpp"
#include "model/job.hpp"
#include "model/pause.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace peercron {

/// Which pauses a person ends: the one with this id, or those of a job, of a tag, or of all jobs.
struct PauseChoice {
    std::optional<std::int64_t> id = {};
    JobId job = 0;    ///< 0: none
    std::string tag;  ///< empty: none
};

/// The part of a store that is about pauses. As Store, of which it is a part: errors, threads.
///
/// A pause that is over stays, so that an audit knows it.
class PauseStore {
public:
    PauseStore() = default;
    PauseStore(const PauseStore&) = delete;
    PauseStore& operator=(const PauseStore&) = delete;
    virtual ~PauseStore() = default;

    /// Those that end later than this, by id.
    virtual std::vector<Pause> pauses_after(WallTime time) = 0;
    /// Those that end later than ten minutes before planned-through, by id: no fire that is still
    /// to be planned is in an older one.
    virtual std::vector<Pause> pauses_of_plan() = 0;
    /// Under a new id.
    virtual Pause add_pause(const Pause& pause) = 0;
    /// Ends those of the choice that are not over, at `at`; one that has not begun never does.
    /// Returns them as they are then.
    virtual std::vector<Pause> end_pauses(const PauseChoice& choice, WallTime at,
                                          const std::string& by) = 0;
};

}  // namespace peercron
