#pragma once

#include "model/policy.hpp"
#include "model/run.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Why a fire may be missed: the causes of skipped fires that their owners did not ask for.
inline constexpr std::array<Cause, 5> missed_causes{Cause::misfire, Cause::no_node, Cause::overload,
                                                    Cause::owner_unreachable, Cause::node_isolated};

/// As metrics name them, and the state `lost`.
inline constexpr std::array<std::string_view, 6> missed_words{
    to_string(missed_causes[0]), to_string(missed_causes[1]), to_string(missed_causes[2]),
    to_string(missed_causes[3]), to_string(missed_causes[4]), "lost"};

/// Which of missed_words it was when a fire that ended so is *missed*: it was due, and did not
/// run, or nobody knows whether it did, for a reason that its owner did not ask for. nullopt: it is
/// not missed. A skip that was asked for (`mutex`, `replaced`, the job's misfire policy) never is,
/// nor is a lost run whose job wants it to run again (`delivery`).
std::optional<std::string_view> missed_word(RunState state, Cause cause, Delivery delivery);

/// One row that says how a fire ended, or several fires that are one row.
struct EndedFires {
    RunId id;
    RunState state = RunState::skipped;
    Reason reason;
    std::int64_t fires = 1;
    WallTime until{};  ///< of several the last
};

}  // namespace peercron
