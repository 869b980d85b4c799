#include "cli/run_wait.hpp"

#include "cli/answer_fields.hpp"
#include "cli/command.hpp"
#include "model/output_to_come.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <thread>
#include <utility>

namespace peercron {

using namespace std::chrono_literals;

boost::json::value wait_for_end(ApiClient& client, const std::string& run_id)
{
    constexpr auto patience = 60s;
    constexpr auto longest_pause = 1000ms;
    std::chrono::milliseconds pause = 50ms;
    auto last_answer = std::chrono::steady_clock::now();
    std::optional<std::chrono::steady_clock::time_point> ended;
    bool complained = false;
    while (true) {
        try {
            boost::json::value row = client.get("/log/" + run_id);
            const auto state = parse_run_state(AnswerFields(row).text("state"));
            const auto now = std::chrono::steady_clock::now();
            if (!state) return row;
            if (is_final(*state)) {
                if (!ended) ended = now;
                const bool lacks_output = AnswerFields(row).text("output") == output_to_come;
                if (!lacks_output || now - *ended > longest_wait_for_output) return row;
                pause = pause_for_output;
            }
            last_answer = now;
            complained = false;
        } catch (const Failure& failure) {
            const bool too_long = std::chrono::steady_clock::now() - last_answer > patience;
            if (failure.status() != ExitStatus::unavailable || too_long) throw;
            if (!complained) say(std::string(failure.what()) + "; waiting for it");
            complained = true;
        }
        std::this_thread::sleep_for(pause);
        pause = std::min<std::chrono::milliseconds>(pause * 3 / 2, longest_pause);
    }
}

std::vector<boost::json::value> parts_of_fire(ApiClient& client, const boost::json::value& first)
{
    const AnswerFields fire(first);
    const std::int64_t parts = fire.number_or("parts", 1);
    if (parts <= 1) return {first};
    const std::int64_t at = fire.number_or("scheduled_at", 0);
    constexpr std::int64_t rows_at_once = 1000;
    std::map<std::int64_t, boost::json::value> found;
    // Any of them may be the oldest: while the store is away, nodes report before the plan is
    // there.
    std::int64_t after = 0;
    for (bool is_more = true; is_more && std::ssize(found) < parts;) {
        const Query query{{"cron_id", fire.number_text("cron_id")},
                          {"from", std::to_string(at / 1000)},
                          {"to", std::to_string(at / 1000 + 1)},
                          {"after_id", std::to_string(after)},
                          {"limit", std::to_string(rows_at_once)}};
        const boost::json::value rows = client.get("/log/list", query);
        for (const boost::json::value& row : rows_of(rows)) {
            const AnswerFields run(row);
            after = run.number_or("id", after);
            const bool is_of_fire = run.number("scheduled_at") == at && run.number("attempt") == 1;
            if (is_of_fire) found.insert_or_assign(run.number_or("part", 0), row);
        }
        is_more = std::ssize(rows_of(rows)) == rows_at_once;
    }
    if (std::ssize(found) != parts) {
        throw Failure(ExitStatus::failed, fmt::format("run {} is one of {} parts of a fire, of "
                                                      "which {} are in the log",
                                                      fire.number_text("id"), parts, found.size()));
    }
    std::vector<boost::json::value> rows;
    for (auto& [part, row] : found) rows.push_back(std::move(row));
    return rows;
}

}  // namespace peercron
