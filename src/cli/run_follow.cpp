#include "cli/run_follow.hpp"

#include "cli/answer_fields.hpp"
#include "cli/command.hpp"
#include "cli/text_width.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/parse.hpp>

#include <chrono>
#include <iostream>
#include <thread>

namespace peercron {

using namespace std::chrono_literals;

namespace {

class OutputPrinter {
public:
    /// Says whether the run goes on.
    bool take(const ServerEvent& event)
    {
        boost::system::error_code error;
        const boost::json::value data = boost::json::parse(event.data, error);
        const AnswerFields fields(data);
        if (event.name == "output") {
            const std::string text = fields.text("text");
            print(screen_.terminal ? many_lines(text) : text);
            std::cout.flush();
            if (!std::cout) throw Failure(ExitStatus::failed, "standard output cannot be written");
        } else if (event.name == "gap") {
            const std::int64_t size = fields.number_or("to", 0) - fields.number_or("from", 0);
            say(fmt::format("{} bytes of the output are not kept, and left out", size));
        } else if (event.name == "trouble") {
            say(fields.text("message"));
        } else if (event.name == "end") {
            has_ended_ = true;
        }
        if (!event.id.empty()) place_ = event.id;
        return !has_ended_;
    }

    bool has_ended() const { return has_ended_; }

    /// The byte to go on from.
    const std::string& place() const { return place_; }

private:
    const Screen screen_ = screen_of_stdout();
    std::string place_ = "0";
    bool has_ended_ = false;
};

}  // namespace

boost::json::value follow_run(ApiClient& client, const std::string& run_id)
{
    constexpr auto patience = 60s;
    constexpr auto retry_pause = 500ms;
    OutputPrinter printer;
    auto last_answer = std::chrono::steady_clock::now();
    bool complained = false;
    const auto take = [&](const ServerEvent& event) {
        last_answer = std::chrono::steady_clock::now();
        complained = false;
        return printer.take(event);
    };
    while (!printer.has_ended()) {
        try {
            client.watch("/run/" + run_id + "/output", {{"follow", "1"}, {"from", printer.place()}},
                         take);
        } catch (const Failure& failure) {
            const bool too_long = std::chrono::steady_clock::now() - last_answer > patience;
            if (failure.status() != ExitStatus::unavailable || too_long) throw;
            if (!complained) say(std::string(failure.what()) + "; waiting for it");
            complained = true;
        }
        if (!printer.has_ended()) std::this_thread::sleep_for(retry_pause);
    }
    return client.get("/log/" + run_id);
}

}  // namespace peercron
