#include "cli/command.hpp"

#include "cli/answer_fields.hpp"
#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

namespace peercron {
namespace {

constexpr std::string_view default_url = "http://127.0.0.1:9990";
constexpr std::size_t longest_token = 4096;

std::string environment(const char* name)
{
    const char* const value = std::getenv(name);
    return value != nullptr ? value : "";
}

bool is_number(std::string_view text)
{
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string read_token(const std::string& file)
{
    std::ifstream stream(file);
    if (!stream) throw Failure(ExitStatus::usage, "--token-file: cannot read " + quote(file));
    std::string token(std::istreambuf_iterator<char>(stream), {});
    const std::size_t end = token.find_last_not_of(" \t\r\n");
    token.erase(end == std::string::npos ? 0 : end + 1);
    if (token.empty())
        throw Failure(ExitStatus::usage, "--token-file: " + quote(file) + " is empty");
    return token;
}

std::string token_of(const ApiOptions& options)
{
    std::string token = options.token;
    if (token.empty() && !options.token_file.empty()) token = read_token(options.token_file);
    if (token.empty()) token = environment("PEERCRON_TOKEN");
    const auto is_odd = [](char c) { return c <= ' ' || c >= 0x7F; };
    if (token.size() > longest_token || std::any_of(token.begin(), token.end(), is_odd)) {
        throw Failure(ExitStatus::usage,
                      "the token must be one word of plain ASCII, without spaces or line breaks");
    }
    return token;
}

}  // namespace

int run_command(const std::function<ExitStatus()>& body)
{
    ExitStatus status = ExitStatus::failed;
    try {
        status = body();
        std::cout.flush();
        if (!std::cout) throw Failure(ExitStatus::failed, "standard output could not be written");
    } catch (const Failure& failure) {
        std::cout.flush();
        say(failure.what());
        status = failure.status();
    }
    return static_cast<int>(status);
}

void on_parsed(CLI::App& command, Action& chosen, std::function<ExitStatus()> body)
{
    command.callback(
        [&chosen, body = std::move(body)] { chosen = [body] { return run_command(body); }; });
}

void add_node_options(CLI::App& command, ApiOptions& options)
{
    constexpr auto* group = "Node";
    command
        .add_option("--url", options.url,
                    "The node's HTTP address; else PEERCRON_URL, else http://127.0.0.1:9990")
        ->type_name("URL")
        ->group(group);
    command
        .add_option("--token", options.token,
                    "The API's token; visible to others of this machine, so rather in a file or in "
                    "PEERCRON_TOKEN")
        ->type_name("TOKEN")
        ->group(group);
    command.add_option("--token-file", options.token_file, "A file with the token")
        ->type_name("FILE")
        ->group(group);
}

void add_api_options(CLI::App& command, ApiOptions& options)
{
    add_node_options(command, options);
    command.add_flag("--json", options.json, "For programs: the data of the API's answer");
}

bool names_node(const ApiOptions& options)
{
    return !options.url.empty() || !environment("PEERCRON_URL").empty();
}

ApiClient make_client(const ApiOptions& options)
{
    std::string url = options.url;
    if (url.empty()) url = environment("PEERCRON_URL");
    if (url.empty()) url = default_url;
    auto address = parse_api_url(url);
    if (!address) {
        const std::string origin = options.url.empty() ? "PEERCRON_URL: " : "--url: ";
        throw Failure(ExitStatus::usage, origin + address.error().message);
    }
    return ApiClient(std::move(*address), token_of(options));
}

void print_json(const boost::json::value& document)
{
    std::cout << boost::json::serialize(document) << '\n';
}

void print(std::string_view text)
{
    std::cout << text;
}

void say(std::string_view message)
{
    std::cerr << "peercron: " << message << '\n';
}

std::string job_id_of(ApiClient& client, const std::string& job)
{
    if (job.empty()) {
        throw Failure(ExitStatus::usage, "the job is empty: its id or its name is needed");
    }
    if (is_number(job)) return job;
    const boost::json::value found = client.get("/cron/list", {{"name", job}});
    for (const boost::json::value& row : rows_of(found)) {
        const AnswerFields fields(row);
        if (fields.text("name") == job) return fields.number_text("id");
    }
    throw Failure(ExitStatus::not_found,
                  fmt::format("no job is named {}; `peercron job list` shows all", quote(job)));
}

std::string run_id_of(const std::string& run)
{
    if (is_number(run)) return run;
    throw Failure(
        ExitStatus::usage,
        fmt::format("{} is no id of a run, which is a number; `peercron log list` shows them",
                    quote(run)));
}

}  // namespace peercron
