#include "cli/node_commands.hpp"

#include "cli/answer_fields.hpp"
#include "cli/failed_runs.hpp"
#include "cli/job_names.hpp"
#include "cli/moment_options.hpp"
#include "cli/moments.hpp"
#include "cli/pause_text.hpp"
#include "cli/text_width.hpp"
#include "cli/views.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace peercron {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t rows_shown = 8;  // of each kind
constexpr auto lately = 24h;

ExitStatus list_nodes(const ApiOptions& options)
{
    ApiClient client = make_client(options);
    const json::value data = client.get("/node/list");
    if (options.json) {
        print_json(data);
    } else {
        print(nodes_text(AnswerFields(data).list("nodes"), screen_of_stdout()));
    }
    return ExitStatus::done;
}

/// "3 runs have failed in the last 24 hours, the newest 2:\n".
std::string title_of(std::int64_t total, const json::array& rows, std::string_view one,
                     std::string_view many)
{
    std::string text =
        fmt::format("\n{} in the last 24 hours",
                    total == 1 ? std::string(one) : fmt::format("{} {}", total, many));
    text += total > static_cast<std::int64_t>(rows.size())
                ? fmt::format(", the newest {}:\n", rows.size())
                : ":\n";
    return text;
}

std::string node_text(const AnswerFields& health, const AnswerFields& nodes, const std::string& url,
                      const Screen& screen)
{
    const bool is_well = health.text("store") == "ok";
    std::string text = fmt::format(
        "node {} at {}, version {}, store {}", health.text("node"), url, health.text("version"),
        painted(screen, is_well ? Colour::green : Colour::red, health.text("store")));
    if (const auto since = nodes.millis("store_away_since"); !is_well && since) {
        text += fmt::format(" since {}: {}", local_time_text(since),
                            one_line(nodes.text("store_trouble")));
    }
    text += '\n';
    const std::string journal = health.text("journal");
    if (journal == "failing" || journal == "unavailable") {
        text += painted(screen, Colour::red,
                        "its journal is " + journal +
                            ": results that wait for the store are in memory only") +
                "\n";
    }
    const std::string clock = health.text("clock");  // "" of an older node
    if (!clock.empty() && clock != "ok") {
        text += painted(screen, Colour::red, "its clock: " + clock) + "\n";
    }
    const std::string dispatcher = nodes.text("dispatcher");
    text += dispatcher.empty()
                ? painted(screen, Colour::red, "there is no dispatcher: no job fires") + "\n"
                : fmt::format("{} dispatches, epoch {}\n", dispatcher, nodes.number_text("epoch"));
    return text;
}

/// What only the store knows.
std::string ledger_text(const json::object& status, const Screen& screen)
{
    const AnswerFields missed(status.at("missed"));
    const AnswerFields failed(status.at("failed"));
    const std::int64_t misses = missed.number_or("total", 0);
    const std::int64_t failures = failed.number_or("total", 0);
    std::string text;
    if (misses > 0) {
        text += title_of(misses, missed.list("list"), "1 fire or gap was missed",
                         "fires or gaps were missed") +
                missed_text(missed.list("list"), screen);
    }
    if (failures > 0) {
        text += title_of(failures, failed.list("list"), "1 run has failed", "runs have failed") +
                runs_text(failed.list("list"), screen);
    }
    if (text.empty())
        text =
            "\n"
            "no run failed and no fire was missed in the last 24 hours\n";
    return text;
}

/// "paused: all jobs until 2026-11-21 23:00:00, by ops", for each.
std::string active_pauses_text(const json::array& pauses, const Screen& screen)
{
    std::string text;
    for (const json::value& value : pauses) {
        const AnswerFields pause(value);
        text += painted(screen, Colour::yellow,
                        fmt::format("paused: {} {}", pause_scope(pause), pause_text(pause))) +
                "\n";
    }
    return text;
}

std::string status_text(const json::object& status, const std::string& url)
{
    const Screen screen = screen_of_stdout();
    const AnswerFields nodes(status.at("nodes"));
    std::string text = node_text(AnswerFields(status.at("health")), nodes, url, screen);
    const bool knows_ledger = !status.at("jobs").is_null();
    if (knows_ledger) {
        text += job_counts_text(status.at("jobs"));
        text += active_pauses_text(rows_of(status.at("pauses")), screen);
    }
    text += "\n" + nodes_text(nodes.list("nodes"), screen);
    return knows_ledger ? text + ledger_text(status, screen) : text;
}

/// Those that keep jobs from starting now, but for those of single jobs: these are counted as
/// stopped are.
json::array active_pauses(ApiClient& client)
{
    json::array active;
    try {
        const json::value pauses = client.get("/pause/list");
        for (const json::value& value : rows_of(pauses)) {
            const AnswerFields pause(value);
            if (pause.flag("active") && pause.number_or("cron_id", 0) == 0) active.push_back(value);
        }
    } catch (const Failure& failure) {
        if (failure.status() != ExitStatus::not_found) throw;  // an older node has none
    }
    return active;
}

void ask_ledger(ApiClient& client, json::object& status)
{
    const auto since = this_second() - lately;
    const Query from{{"from", std::to_string(since.time_since_epoch().count())}};
    json::object known;
    known["jobs"] = client.get("/cron/count");
    known["pauses"] = active_pauses(client);
    known["missed"] = newest_missed(client, from, rows_shown);
    known["failed"] = newest_failed(client, from, rows_shown);
    for (auto& [name, value] : known) status[name] = std::move(value);
}

ExitStatus show_status(const ApiOptions& options)
{
    ApiClient client = make_client(options);
    json::object status;
    status["health"] = client.get("/health");
    status["nodes"] = client.get("/node/list");
    for (const char* const name : {"jobs", "pauses", "missed", "failed"}) status[name] = nullptr;
    std::string trouble;
    try {
        ask_ledger(client, status);
    } catch (const Failure& failure) {
        if (failure.status() != ExitStatus::unavailable) throw;
        trouble = failure.what();
    }
    if (options.json) {
        print_json(status);
    } else {
        JobNames names(client);
        for (const char* const name : {"missed", "failed"}) {
            json::object* const page = status[name].if_object();
            if (page != nullptr) names.note(page->at("list").as_array());
        }
        print(status_text(status, client.url()));
    }
    if (trouble.empty()) return ExitStatus::done;
    say("jobs, failed runs and missed fires are not known: " + trouble);
    return ExitStatus::unavailable;
}

}  // namespace

void add_node_commands(CLI::App& app, Action& chosen)
{
    CLI::App& node = *app.add_subcommand("node", "Show the nodes");
    node.footer("Example:\n  peercron node list");
    node.require_subcommand(1);
    CLI::App& list = *node.add_subcommand("list", "Show the nodes and how busy they are");
    list.footer("Examples:\n  peercron node list\n  peercron node list --json");
    auto list_options = std::make_shared<ApiOptions>();
    add_api_options(list, *list_options);
    on_parsed(list, chosen, [list_options] { return list_nodes(*list_options); });

    CLI::App& status = *app.add_subcommand(
        "status", "On one screen: the dispatcher, the nodes, the jobs, what failed or was missed");
    status.footer(
        "Examples:\n  peercron status\n  peercron status --url http://10.0.0.7:9990\n"
        "While the store is away, it shows what the node knows without it, and exits with 6.");
    auto status_options = std::make_shared<ApiOptions>();
    add_api_options(status, *status_options);
    on_parsed(status, chosen, [status_options] { return show_status(*status_options); });
}

}  // namespace peercron
