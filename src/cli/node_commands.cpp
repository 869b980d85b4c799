#include "cli/node_commands.hpp"

#include "cli/answer_fields.hpp"
#include "cli/failed_runs.hpp"
#include "cli/views.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>

#include <chrono>
#include <memory>

namespace peercron {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t failures_shown = 8;
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

std::string status_text(const json::object& status, const std::string& url)
{
    const Screen screen = screen_of_stdout();
    const AnswerFields health(status.at("health"));
    const AnswerFields nodes(status.at("nodes"));
    const AnswerFields jobs(status.at("jobs"));
    const AnswerFields failed(status.at("failed"));

    std::string text = fmt::format(
        "node {} at {}, version {}, store {}\n", health.text("node"), url, health.text("version"),
        painted(screen, health.text("store") == "ok" ? Colour::green : Colour::red,
                health.text("store")));
    const std::string journal = health.text("journal");
    if (journal == "failing" || journal == "unavailable") {
        text += painted(screen, Colour::red,
                        "its journal is " + journal +
                            ": results that wait for the store are in memory only") +
                "\n";
    }
    const std::string dispatcher = nodes.text("dispatcher");
    text += dispatcher.empty()
                ? painted(screen, Colour::red, "nobody dispatches: no job fires") + "\n"
                : fmt::format("{} dispatches, epoch {}\n", dispatcher, nodes.number_text("epoch"));
    text += fmt::format("{} jobs: {} enabled, {} stopped\n\n", jobs.number_or("total", 0),
                        jobs.number_or("enabled", 0), jobs.number_or("stopped", 0));
    text += nodes_text(nodes.list("nodes"), screen);
    const std::int64_t failures = failed.number_or("total", 0);
    if (failures == 0) return text + "\nno run has failed in the last 24 hours\n";
    text += fmt::format("\n{} failed in the last 24 hours",
                        failures == 1 ? "1 run has" : fmt::format("{} runs have", failures));
    const json::array& rows = failed.list("list");
    text += failures > static_cast<std::int64_t>(rows.size())
                ? fmt::format(", the newest {}:\n", rows.size())
                : ":\n";
    return text + runs_text(rows, screen);
}

ExitStatus show_status(const ApiOptions& options)
{
    ApiClient client = make_client(options);
    const auto since =
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) - lately;
    json::object status;
    status["health"] = client.get("/health");
    status["nodes"] = client.get("/node/list");
    status["jobs"] = client.get("/cron/count");
    status["failed"] = newest_failed(
        client, {{"from", std::to_string(since.time_since_epoch().count())}}, failures_shown);
    if (options.json) {
        print_json(status);
    } else {
        print(status_text(status, client.url()));
    }
    return ExitStatus::done;
}

}  // namespace

void add_node_commands(CLI::App& app, Action& chosen)
{
    CLI::App& node = *app.add_subcommand("node", "See the nodes");
    node.footer("Example:\n  peercron node list");
    node.require_subcommand(1);
    CLI::App& list = *node.add_subcommand("list", "Show the nodes and how busy they are");
    list.footer("Examples:\n  peercron node list\n  peercron node list --json");
    auto list_options = std::make_shared<ApiOptions>();
    add_api_options(list, *list_options);
    on_parsed(list, chosen, [list_options] { return list_nodes(*list_options); });

    CLI::App& status = *app.add_subcommand(
        "status", "On one screen: who dispatches, the nodes, the jobs, what failed lately");
    status.footer("Examples:\n  peercron status\n  peercron status --url http://10.0.0.7:9990");
    auto status_options = std::make_shared<ApiOptions>();
    add_api_options(status, *status_options);
    on_parsed(status, chosen, [status_options] { return show_status(*status_options); });
}

}  // namespace peercron
