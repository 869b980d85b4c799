#include "cli/run_wait.hpp"

#include "cli/answer_fields.hpp"
#include "cli/command.hpp"
#include "model/run.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace peercron {

using namespace std::chrono_literals;

boost::json::value wait_for_end(ApiClient& client, const std::string& run_id)
{
    constexpr auto patience = 60s;
    constexpr auto longest_pause = 1000ms;
    auto pause = 50ms;
    auto last_answer = std::chrono::steady_clock::now();
    bool complained = false;
    while (true) {
        try {
            boost::json::value row = client.get("/log/" + run_id);
            const auto state = parse_run_state(AnswerFields(row).text("state"));
            if (!state || is_final(*state)) return row;
            last_answer = std::chrono::steady_clock::now();
            complained = false;
        } catch (const Failure& failure) {
            const bool too_long = std::chrono::steady_clock::now() - last_answer > patience;
            if (failure.status() != ExitStatus::unavailable || too_long) throw;
            if (!complained) say(std::string(failure.what()) + "; waiting for it");
            complained = true;
        }
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 3 / 2, longest_pause);
    }
}

}  // namespace peercron
