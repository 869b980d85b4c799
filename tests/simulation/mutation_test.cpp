#include "simulation/scenario_text.hpp"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace peercron::simulation {
namespace {

/// A planted bug, and the number of seeds within which it must be found, or of courses of a
/// scenario that chance hardly ever makes.
struct Planted {
    Mutation mutation;
    std::string_view name;
    std::uint64_t seeds;
    std::string_view scenario = "";  ///< a file in planted/
};

Scenario scenario_of(const Planted& planted, std::uint64_t seed)
{
    if (planted.scenario.empty()) return Scenario::from_seed(seed);
    for (const auto& file : scenario_files("planted")) {
        if (file.stem() != planted.scenario) continue;
        Scenario scenario = read_scenario(file);
        scenario.seed = seed;
        return scenario;
    }
    throw std::runtime_error("there is no scenario " + std::string(planted.scenario));
}

void PrintTo(const Planted& planted, std::ostream* out)  // NOLINT: the name is GoogleTest's
{
    *out << planted.name;
}

class MutationTest : public ::testing::TestWithParam<Planted> {};

TEST_P(MutationTest, IsFound)
{
    spdlog::set_level(spdlog::level::off);
    const Planted& planted = GetParam();
    for (std::uint64_t seed = 1; seed <= planted.seeds; ++seed) {
        const Outcome outcome = run(scenario_of(planted, seed), planted.mutation);
        if (outcome.verdict.empty()) continue;
        std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed),
                    outcome.verdict.c_str());
        return;
    }
    FAIL() << planted.name << " was not found within " << planted.seeds << " seeds";
}

constexpr Planted planted[] = {
    {Mutation::no_epoch_guard, "NoEpochGuard", 3000},
    {Mutation::loses_a_row, "LosesARow", 3000},
    {Mutation::final_is_overwritten, "FinalIsOverwritten", 3000},
    {Mutation::repeats_reset, "RepeatsReset", 3000},
    {Mutation::plan_goes_back, "PlanGoesBack", 3000},
    {Mutation::counts_nothing, "CountsNothing", 3000},
    {Mutation::steps_back_late, "StepsBackLate", 3000},
    {Mutation::keeps_rows_short, "KeepsRowsShort", 3000},
    {Mutation::plans_one_part, "PlansOnePart", 3000},
    {Mutation::forgets_told_ends, "ForgetsToldEnds", 100, "forgets_told_ends"},
    {Mutation::hands_out_uncommitted, "HandsOutUncommitted", 3000},
    {Mutation::goes_on_deposed, "GoesOnDeposed", 3000},
    {Mutation::reads_rows_first, "ReadsRowsFirst", 3000},
    {Mutation::silence_is_death, "SilenceIsDeath", 3000},
    {Mutation::refusal_is_death, "RefusalIsDeath", 3000},
    {Mutation::answers_early, "AnswersEarly", 3000},
    {Mutation::asks_nobody, "AsksNobody", 3000},
    {Mutation::waits_for_accounts, "WaitsForAccounts", 3000},
    {Mutation::needs_no_copies, "NeedsNoCopies", 3000},
    {Mutation::plans_without_most, "PlansWithoutMost", 100, "plans_without_most"},
    {Mutation::inherits_nothing, "InheritsNothing", 3000},
    {Mutation::repeats_successes, "RepeatsSuccesses", 3000},
    {Mutation::forgets_runs_to_repeat, "ForgetsRunsToRepeat", 30000},
    {Mutation::forgets_failed, "ForgetsFailed", 3000},
    {Mutation::forgets_waiting, "ForgetsWaiting", 3000},
    {Mutation::forgets_starts, "ForgetsStarts", 3000},
    {Mutation::hurries_retries, "HurriesRetries", 3000},
    {Mutation::retries_twice, "RetriesTwice", 3000},
    {Mutation::retries_successes, "RetriesSuccesses", 3000},
    {Mutation::ignores_superseded, "IgnoresSuperseded", 3000},
    {Mutation::forgets_daemon_ends, "ForgetsDaemonEnds", 3000},
    {Mutation::gives_lost_daemons_up, "GivesLostDaemonsUp", 3000},
    {Mutation::forgets_chains, "ForgetsChains", 3000},
    {Mutation::places_anywhere, "PlacesAnywhere", 3000},
    {Mutation::trusts_its_clock, "TrustsItsClock", 3000},
    {Mutation::keeps_the_plan, "KeepsThePlan", 3000},
    {Mutation::forgets_pauses, "ForgetsPauses", 3000},
    {Mutation::knows_no_end_of_pauses, "KnowsNoEndOfPauses", 3000},
    {Mutation::forgets_calendars, "ForgetsCalendars", 3000},
    {Mutation::knows_old_calendars, "KnowsOldCalendars", 3000},
    {Mutation::forgets_skipped, "ForgetsSkipped", 10000},
    {Mutation::forgets_required, "ForgetsRequired", 3000},
    {Mutation::takes_for_success, "TakesForSuccess", 3000},
    {Mutation::sees_nothing_required, "SeesNothingRequired", 3000},
    {Mutation::forgets_parts, "ForgetsParts", 3000},
    {Mutation::forgets_nodes, "ForgetsNodes", 3000},
    {Mutation::omits_held, "OmitsHeld", 3000},
    {Mutation::omits_ended, "OmitsEnded", 3000},
    {Mutation::omits_running, "OmitsRunning", 3000},
    {Mutation::omits_daemons, "OmitsDaemons", 100, "omits_daemons"},
    {Mutation::omits_holders, "OmitsHolders", 3000},
    {Mutation::revokes_in_words, "RevokesInWords", 3000},
    {Mutation::forgets_what_ran, "ForgetsWhatRan", 3000},
    {Mutation::obeys_anybody, "ObeysAnybody", 3000},
    {Mutation::knows_no_parts, "KnowsNoParts", 3000},
    {Mutation::starts_early, "StartsEarly", 3000},
    {Mutation::does_not_fence, "DoesNotFence", 3000},
    {Mutation::has_no_guard, "HasNoGuard", 30000},
    {Mutation::survives_its_warden, "SurvivesItsWarden", 3000},
    {Mutation::drops_failed_reports, "DropsFailedReports", 3000},
    {Mutation::is_silent_about_ends, "IsSilentAboutEnds", 3000},
};

INSTANTIATE_TEST_SUITE_P(Planted, MutationTest, ::testing::ValuesIn(planted),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace peercron::simulation
