#pragma once

#include "cli/api_client.hpp"
#include "cli/exit_status.hpp"
#include "cli/screen.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace peercron {

/// Carries out the parsed command line; returns the exit status.
using Action = std::function<int()>;

/// Runs a command's body: prints what it throws on standard error; output that cannot be written is
/// a failure, too.
int run_command(const std::function<ExitStatus()>& body);

/// Makes `chosen` run `body` once this command is parsed.
void on_parsed(CLI::App& command, Action& chosen, std::function<ExitStatus()> body);

/// The node, the token and the form of the output: the options of every command that calls the API.
struct ApiOptions {
    std::string url;
    std::string token;
    std::string token_file;
    std::string ca;
    bool json = false;
};

/// @param options must outlive the parsing.
void add_api_options(CLI::App& command, ApiOptions& options);

/// Adds a command that calls the API to a group; `options` are ApiOptions and its own.
template <class Options>
CLI::App& add_api_command(CLI::App& group, Action& chosen, const char* name, const char* text,
                          const std::shared_ptr<Options>& options,
                          ExitStatus (*body)(const Options& options))
{
    CLI::App& command = *group.add_subcommand(name, text);
    add_api_options(command, *options);
    on_parsed(command, chosen, [options, body] { return body(*options); });
    return command;
}

/// The same without --json.
void add_node_options(CLI::App& command, ApiOptions& options);

/// Whether a node was named: --url or PEERCRON_URL.
bool names_node(const ApiOptions& options);

/// --url, else PEERCRON_URL, else without a token the socket of a node on this machine
/// (base/socket_places.hpp), else http://127.0.0.1:9990; --token, else --token-file, else
/// PEERCRON_TOKEN; for https, who vouches for the node: --ca, else PEERCRON_CA, else this machine's
/// authorities. Sends nothing yet. Throws Failure.
ApiClient make_client(const ApiOptions& options);

/// Prints one JSON document and a line break.
void print_json(const boost::json::value& document);
void print(std::string_view text);

/// Says something that is not the result, on standard error, as "peercron: …".
void say(std::string_view message);
/// Says the warnings of a job, an answer to a change of it. An older node has none.
void say_warnings(const boost::json::value& job);

/// The jobs that /cron/list has for `query`, which names no page: of all pages.
boost::json::array all_jobs(ApiClient& client, const Query& query);

/// What a person typed for a job: its id, or its name. Asks the node for a name.
/// Throws Failure not_found when no job has the name, and usage for "".
std::string job_id_of(ApiClient& client, const std::string& job);

/// Whether deleted jobs are searched, too.
enum class Deleted : std::uint8_t { too, only };

/// The same; if no job has the name any more, the newest deleted job that had it. Notes it when
/// there were several. With Deleted::only, a job that has the name now is passed over.
std::string past_job_id_of(ApiClient& client, const std::string& job, Deleted deleted);

/// The same for a run, whose id is a number. Throws Failure usage.
std::string run_id_of(const std::string& run);

}  // namespace peercron
