#include "cli/command.hpp"

#include "base/environment.hpp"
#include "base/nearest.hpp"
#include "base/socket_places.hpp"
#include "cli/answer_fields.hpp"
#include "cli/arguments.hpp"
#include "cli/text_width.hpp"
#include "cli/views.hpp"
#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

namespace peercron {
namespace {

constexpr std::string_view default_url = "http://127.0.0.1:9990";
constexpr std::size_t longest_token = 4096;

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

/// The nearest of the names of as many jobs as one page has; "" when none is near.
std::string did_you_mean(ApiClient& client, const std::string& job)
{
    std::vector<std::string> names;
    const boost::json::value page = client.get("/cron/list", {{"page", "1"}, {"limit", "1000"}});
    for (const boost::json::value& row : rows_of(page)) {
        std::string name = AnswerFields(row).text("name");
        if (!name.empty()) names.push_back(std::move(name));
    }
    const auto meant = nearest_name(job, names);
    return meant ? fmt::format("did you mean {}? ", quote(*meant)) : "";
}

void refuse_empty(const std::string& job)
{
    if (!job.empty()) return;
    throw Failure(ExitStatus::usage, "the job is empty: give its id or its name");
}

std::optional<std::string> find_job(ApiClient& client, const std::string& name)
{
    const boost::json::value found = client.get("/cron/list", {{"name", name}});
    for (const boost::json::value& row : rows_of(found)) {
        const AnswerFields fields(row);
        if (fields.text("name") == name) return fields.number_text("id");
    }
    return std::nullopt;
}

/// The ids of the deleted jobs of a name, the newest first; none from a node that is too old to
/// know them.
std::vector<std::string> find_deleted(ApiClient& client, const std::string& name)
{
    constexpr unsigned bad_request = 400;
    constexpr unsigned not_found = 404;
    std::vector<std::string> ids;
    try {
        const boost::json::value found =
            client.get("/cron/deleted", {{"name", name}, {"limit", "100"}});
        for (const boost::json::value& row : rows_of(found)) {
            ids.push_back(AnswerFields(row).number_text("cron_id"));
        }
    } catch (const Refused& refused) {
        if (refused.http_status() != bad_request && refused.http_status() != not_found) throw;
    }
    return ids;
}

std::string token_of(const ApiOptions& options)
{
    std::string token = options.token;
    if (token.empty() && !options.token_file.empty()) token = read_token(options.token_file);
    if (token.empty()) token = environment_variable("PEERCRON_TOKEN");
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
    const auto told_by_options = [&command, body = std::move(body)] {
        try {
            return body();
        } catch (const Refused& refused) {
            throw Refused(refused.http_status(), with_option_names(command, refused.what()));
        }
    };
    command.callback([&chosen, told_by_options] {
        chosen = [told_by_options] { return run_command(told_by_options); };
    });
}

void add_node_options(CLI::App& command, ApiOptions& options)
{
    constexpr auto* group = "Node";
    command
        .add_option(
            "--url", options.url,
            "The node's HTTP address, or unix:PATH; default: PEERCRON_URL, else the socket of "
            "a node on this machine, else http://127.0.0.1:9990")
        ->type_name("URL")
        ->group(group);
    command
        .add_option("--token", options.token,
                    "The API's token. Other users of this machine can see it: better use "
                    "--token-file or PEERCRON_TOKEN")
        ->type_name("TOKEN")
        ->group(group);
    command.add_option("--token-file", options.token_file, "A file that contains the token")
        ->type_name("FILE")
        ->group(group);
    command
        .add_option("--ca", options.ca,
                    "For https: a file with the authority that vouches for the node; default: "
                    "PEERCRON_CA, else this machine's authorities")
        ->type_name("FILE")
        ->group(group);
}

void add_api_options(CLI::App& command, ApiOptions& options)
{
    add_node_options(command, options);
    command.add_flag("--json", options.json, "Print the data of the API's answer, for programs");
}

bool names_node(const ApiOptions& options)
{
    return !options.url.empty() || !environment_variable("PEERCRON_URL").empty();
}

namespace {

bool is_listened_at(const std::filesystem::path& socket)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = socket.string();
    if (path.size() >= sizeof(address.sun_path)) return false;
    std::ranges::copy(path, static_cast<char*>(address.sun_path));
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return false;
    const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
    const bool is_there = ::connect(descriptor, generic, sizeof(address)) == 0;
    ::close(descriptor);
    return is_there;
}

/// The socket of a node on this machine, where the caller needs no token; else TCP.
std::string usual_url(const ApiOptions& options)
{
    if (!token_of(options).empty()) return std::string(default_url);
    for (const auto& place : socket_places(::geteuid(), environment_variable)) {
        if (is_listened_at(place)) return "unix:" + place.string();
    }
    return std::string(default_url);
}

}  // namespace

ApiClient make_client(const ApiOptions& options)
{
    std::string url = options.url;
    if (url.empty()) url = environment_variable("PEERCRON_URL");
    if (url.empty()) url = usual_url(options);
    auto address = parse_api_url(url);
    if (!address) {
        const std::string origin = options.url.empty() ? "PEERCRON_URL: " : "--url: ";
        throw Failure(ExitStatus::usage, origin + address.error().message);
    }
    if (!address->is_https) return ApiClient(std::move(*address), token_of(options));
    TlsFiles files;
    files.ca = options.ca.empty() ? environment_variable("PEERCRON_CA") : options.ca;
    const auto tls = client_tls(files);
    if (!tls) {
        const std::string origin = options.ca.empty() ? "PEERCRON_CA: " : "--ca: ";
        throw Failure(ExitStatus::usage, origin + tls.error().message);
    }
    return ApiClient(std::move(*address), token_of(options), {}, *tls);
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

void say_warnings(const boost::json::value& job)
{
    for (const std::string& warning : AnswerFields(job).texts("warnings")) {
        say(fmt::format("warning: job {}: {}", job_label(job), one_line(warning)));
    }
}

std::string job_id_of(ApiClient& client, const std::string& job)
{
    refuse_empty(job);
    if (is_number(job)) return job;
    if (const auto id = find_job(client, job)) return *id;
    throw Failure(ExitStatus::not_found,
                  fmt::format("there is no job named {}; {}`peercron job list` shows all",
                              quote(job), did_you_mean(client, job)));
}

boost::json::array all_jobs(ApiClient& client, const Query& query)
{
    constexpr std::size_t page_size = 1000;
    boost::json::array jobs;
    for (int page = 1;; ++page) {
        Query asked = query;
        asked.emplace_back("page", std::to_string(page));
        asked.emplace_back("limit", std::to_string(page_size));
        const boost::json::value answer = client.get("/cron/list", asked);
        const boost::json::array& rows = rows_of(answer);
        jobs.insert(jobs.end(), rows.begin(), rows.end());
        if (rows.size() < page_size) return jobs;
    }
}

std::string past_job_id_of(ApiClient& client, const std::string& job, Deleted deleted)
{
    refuse_empty(job);
    if (is_number(job)) return job;
    if (deleted == Deleted::too) {
        if (const auto id = find_job(client, job)) return *id;
    }
    const std::vector<std::string> ids = find_deleted(client, job);
    if (ids.empty() && deleted == Deleted::only) {
        throw Failure(ExitStatus::not_found,
                      fmt::format("there is no deleted job named {}", quote(job)));
    }
    if (ids.empty()) return job_id_of(client, job);  // says what is there
    if (ids.size() > 1) {
        say(fmt::format("{} deleted jobs had the name {}; this is the newest; all their ids: {}",
                        ids.size(), quote(job), fmt::join(ids, ", ")));
    }
    return ids.front();
}

std::string run_id_of(const std::string& run)
{
    if (is_number(run)) return run;
    throw Failure(
        ExitStatus::usage,
        fmt::format(
            "{} is not the id of a run, which is a number; `peercron log list` shows the ids",
            quote(run)));
}

}  // namespace peercron
