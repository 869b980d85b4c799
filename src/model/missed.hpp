#pragma once

#include "model/policy.hpp"
#include "model/run.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Why a fire may be missed, as metrics name it: the first words of the reasons of skipped fires
/// that their owners did not ask for, and the state `lost`.
inline constexpr std::array<std::string_view, 6> missed_causes{
    reason::misfire,           reason::no_node,  reason::overload,
    reason::owner_unreachable, reason::isolated, "lost"};

/// The first words of the reasons among them.
inline constexpr std::array<std::string_view, 5> missed_reasons{
    missed_causes[0], missed_causes[1], missed_causes[2], missed_causes[3], missed_causes[4]};

/// The word that stands first in a row's reason.
std::string_view reason_word(std::string_view reason);

/// Which of missed_causes it was when a fire that ended so is *missed*: it was due, and did not
/// run, or nobody knows whether it did, for a reason that its owner did not ask for. nullopt: it is
/// not missed. A skip that was asked for (`mutex`, `replaced`, the job's misfire policy) never is,
/// nor is a lost run whose job wants it to run again (`delivery`).
std::optional<std::string_view> missed_cause(RunState state, std::string_view reason,
                                             Delivery delivery);

/// One row that says how a fire ended, or several fires that are one row.
struct EndedFires {
    RunId id;
    RunState state = RunState::skipped;
    std::string reason;
    std::int64_t fires = 1;
    WallTime until{};  ///< of several the last
};

}  // namespace peercron
