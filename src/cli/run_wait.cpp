#include "cli/run_wait.hpp"

#include "cli/answer_fields.hpp"
#include "cli/command.hpp"
#include "model/output_to_come.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

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

}  // namespace peercron
