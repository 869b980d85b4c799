#include "simulation/scenario_text.hpp"

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace peercron::simulation {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise)
{
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : std::stoull(text);
}

bool is_traced()
{
    return std::getenv("PEERCRON_SIMULATION_TRACE") != nullptr;
}

TEST(SimulationTest, EveryPromiseIsKeptWhateverHappens)
{
    spdlog::set_level(spdlog::level::off);
    const std::uint64_t first = number_from("PEERCRON_SIMULATION_FIRST", 1);
    const std::uint64_t seeds = number_from("PEERCRON_SIMULATION_SEEDS", 2000);
    const std::uint64_t most_failures = number_from("PEERCRON_SIMULATION_FAILURES", 5);
    std::uint64_t failures = 0;
    std::uint64_t events = 0;
    std::uint64_t starts = 0;
    std::uint64_t given_up = 0;
    const auto begun = std::chrono::steady_clock::now();
    for (std::uint64_t seed = first; seed < first + seeds && failures < most_failures; ++seed) {
        const Scenario scenario = Scenario::from_seed(seed);
        const Outcome outcome = run(scenario, Mutation::none, is_traced());
        events += outcome.events;
        starts += outcome.counts.starts;
        if (outcome.gave_up) ++given_up;
        if (outcome.verdict.empty()) continue;
        ++failures;
        ADD_FAILURE() << outcome.verdict << "\n" << to_text(minimize(scenario, Mutation::none));
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    std::printf("%llu seeds, %.0f a minute; %llu events, %llu starts; %llu given up\n",
                static_cast<unsigned long long>(seeds),
                static_cast<double>(seeds) / took.count() * 60,
                static_cast<unsigned long long>(events), static_cast<unsigned long long>(starts),
                static_cast<unsigned long long>(given_up));
}

/// Mistakes that are corrected, as the faults that showed them, each in a number of courses: what a
/// seed draws while it runs changes with the program.
TEST(SimulationTest, WhatFailedOnceDoesNotFailAgain)
{
    spdlog::set_level(spdlog::level::off);
    const std::uint64_t courses = number_from("PEERCRON_SIMULATION_COURSES", 20);
    const auto files = scenario_files("kept");
    EXPECT_FALSE(files.empty());
    for (const std::filesystem::path& file : files) {
        Scenario scenario = read_scenario(file);
        for (std::uint64_t course = 0; course < courses; ++course, ++scenario.seed) {
            EXPECT_EQ(run(scenario, Mutation::none, is_traced()).verdict, "")
                << file << ", seed " << scenario.seed;
        }
    }
}

TEST(ScenarioTextTest, SaysAllThatDecidesTheCourse)
{
    spdlog::set_level(spdlog::level::off);
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const Scenario scenario = Scenario::from_seed(seed);
        const std::string text = to_text(scenario);
        const Scenario read = parse_scenario(text);
        EXPECT_EQ(to_text(read), text);
        EXPECT_EQ(run(read).fingerprint, run(scenario).fingerprint) << text;
    }
}

TEST(ScenarioTextTest, WhatCannotBeReadIsSaidByItsLine)
{
    const auto trouble = [](const char* text) -> std::string {
        try {
            parse_scenario(text);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "";
    };
    EXPECT_EQ(trouble("# a comment\n\nnodes three"), "line 3: 'three' is not a number");
    EXPECT_EQ(trouble("colour 3"), "line 1: there is no 'colour'");
    EXPECT_EQ(trouble("at 20 kil for 3 dice 1"), "line 1: no fault is called 'kil'");
    EXPECT_EQ(trouble("at 20 kill"),
              "line 1: a fault is written 'at TIME NAME for TIME [on NODE [NODE]] [dice NUMBER]'");
    EXPECT_EQ(trouble("at 20 cut for 3 on node1 node2 node3"), "line 1: 'node3' says nothing here");
    EXPECT_EQ(trouble("job 0/2 often"), "line 1: a job has no 'often'");
}

}  // namespace
}  // namespace peercron::simulation
