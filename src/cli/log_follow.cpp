#include "cli/log_follow.hpp"

#include "cli/answer_fields.hpp"
#include "cli/failed_runs.hpp"
#include "cli/follow_book.hpp"
#include "cli/job_names.hpp"
#include "cli/moment_options.hpp"
#include "cli/views.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <csignal>
#include <iostream>
#include <span>
#include <thread>

#include <unistd.h>

namespace peercron {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr auto between_looks = 500ms;
constexpr int most_pages = 100;  // of what is read at once; the rest comes in the next round
constexpr std::size_t rows_per_page = 1000;
constexpr std::size_t ids_per_call = 500;

/// SIGINT and SIGTERM end the process, but not in the middle of a row.
class SignalsHeld {
public:
    SignalsHeld()
    {
        sigset_t stopping;
        ::sigemptyset(&stopping);
        ::sigaddset(&stopping, SIGINT);
        ::sigaddset(&stopping, SIGTERM);
        ::pthread_sigmask(SIG_BLOCK, &stopping, &before_);
    }
    SignalsHeld(const SignalsHeld&) = delete;
    SignalsHeld& operator=(const SignalsHeld&) = delete;
    ~SignalsHeld() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

extern "C" void end_following(int)
{
    ::_exit(0);
}

void end_well_on_signals()
{
    struct sigaction action {};
    action.sa_handler = end_following;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

class Follower {
public:
    Follower(const FollowOptions& options, ApiClient& client)
        : options_(options), client_(client), screen_(screen_of_stdout()), names_(client)
    {
        if (options.job) filter_.emplace_back("cron_id", job_id_of(client, *options.job));
    }

    void begin()
    {
        std::optional<std::chrono::sys_seconds> since;
        if (!options_.since.empty()) since = past_option("--since", options_.since);
        const json::value newest = ask({{"limit", "1"}});
        const json::array& rows = rows_of(newest);
        book_.begin(rows.empty() ? 0 : AnswerFields(rows.front()).number_or("id", 0));
        for (const char* const state : {"planned", "running"}) {
            for (int page = 1; page <= most_pages; ++page) {
                const json::value open = ask({{"state", state},
                                              {"limit", std::to_string(rows_per_page)},
                                              {"page", std::to_string(page)}});
                book_.watch(rows_of(open));
                if (rows_of(open).size() < rows_per_page) break;
            }
        }
        if (!options_.json) {
            print(run_line_titles(screen_));
            std::cout.flush();
        }
        if (since) show_since(*since);
    }

    void poll()
    {
        for (int page = 0; page < most_pages; ++page) {
            const json::value rows = ask({{"after_id", std::to_string(book_.watermark())},
                                          {"limit", std::to_string(rows_per_page)}});
            show(book_.add_new(rows_of(rows)));
            if (rows_of(rows).size() < rows_per_page) break;
        }
        const std::vector<std::int64_t> open = book_.open();
        for (std::size_t i = 0; i < open.size(); i += ids_per_call) {
            const auto asked = std::span(open).subspan(i, std::min(ids_per_call, open.size() - i));
            const json::value rows =
                client_.get("/log/list", {{"ids", fmt::format("{}", fmt::join(asked, ","))},
                                          {"limit", std::to_string(rows_per_page)}});
            show(book_.add_watched(asked, rows_of(rows)));
        }
    }

private:
    json::value ask(Query query)
    {
        query.insert(query.end(), filter_.begin(), filter_.end());
        return client_.get("/log/list", query);
    }

    /// Rows up to the watermark that had ended before: the newest come first, and are shown last.
    void show_since(std::chrono::sys_seconds since)
    {
        FollowBook::Rows ended;
        for (int page = 1; page <= most_pages; ++page) {
            const json::value rows =
                ask({{"from", std::to_string(since.time_since_epoch().count())},
                     {"limit", std::to_string(rows_per_page)},
                     {"page", std::to_string(page)}});
            for (const json::value& row : rows_of(rows)) {
                const std::int64_t id = AnswerFields(row).number_or("id", 0);
                if (id <= book_.watermark() && !book_.is_open(id)) ended.push_back(row);
            }
            if (rows_of(rows).size() < rows_per_page) break;
        }
        std::reverse(ended.begin(), ended.end());
        show(ended);
    }

    void show(FollowBook::Rows rows)
    {
        if (options_.failed) {
            std::erase_if(
                rows, [](const json::value& row) { return !has_failed(row) && !is_missed(row); });
        }
        if (rows.empty()) return;
        if (!options_.json) names_.note(rows);
        const SignalsHeld held;
        for (const json::value& row : rows) {
            if (options_.json) {
                print_json(row);
            } else {
                print(run_line(row, screen_));
            }
        }
        std::cout.flush();
        if (!std::cout) throw Failure(ExitStatus::failed, "standard output could not be written");
    }

    const FollowOptions& options_;
    ApiClient& client_;
    Screen screen_;
    JobNames names_;
    Query filter_;
    FollowBook book_;
};

}  // namespace

void follow_log(const FollowOptions& options)
{
    end_well_on_signals();
    ApiClient client = make_client(options);
    Follower follower(options, client);
    follower.begin();
    bool answers = true;
    while (true) {
        try {
            follower.poll();
            if (!answers) say("the node answers again");
            answers = true;
        } catch (const Failure& failure) {
            if (failure.status() != ExitStatus::unavailable) throw;
            if (answers) say(std::string(failure.what()) + "; waiting for it");
            answers = false;
        }
        std::this_thread::sleep_for(between_looks);
    }
}

}  // namespace peercron
