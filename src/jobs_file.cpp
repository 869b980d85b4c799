#include "jobs_file.hpp"

#include "base/counted.hpp"
#include "base/event.hpp"
#include "cli/answer_fields.hpp"
#include "cli/calendar_file.hpp"
#include "cli/channel_file.hpp"
#include "cli/crontab.hpp"
#include "cli/exit_status.hpp"
#include "cli/input_file.hpp"
#include "cli/job_changes.hpp"
#include "cli/job_file.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <utility>

namespace peercron {

namespace json = boost::json;

namespace {

using namespace std::chrono_literals;

constexpr auto retry_pause = 1s;

/// What a file says, whatever its form.
struct Reading {
    std::vector<FileJob> jobs;
    std::vector<NoticeChannel> channels;
    std::vector<Calendar> calendars;
    std::vector<std::string> mistakes;
    std::vector<std::string> notes;  ///< on what is read, but not as it is written
    std::string prefix;              ///< of the names of the jobs that are the file's own
};

Reading read_as_crontab(const std::string& text, const std::filesystem::path& path)
{
    CrontabForm form;
    form.source = path.filename().string();
    CrontabPlan plan = read_crontab(text, form);
    Reading reading;
    reading.prefix = "crontab/" + form.source + "/";
    for (CrontabJob& line : plan.jobs) {
        FileJob job;
        job.line = line.line;
        job.job.name = std::move(line.name);
        job.job.cron_set = std::move(line.cron_set);
        job.job.command = std::move(line.command);
        job.job.time_zone = std::move(line.time_zone);
        job.job.remark = std::move(line.remark);
        reading.jobs.push_back(std::move(job));
    }
    for (const CrontabNote& note : plan.notes) {
        reading.notes.push_back(fmt::format("{}:{}: {}", path.string(), note.line, note.text));
    }
    // A note says which line it is, and why.
    if (plan.refused > 0) std::swap(reading.mistakes, reading.notes);
    return reading;
}

Reading read_jobs(const std::filesystem::path& path)
{
    Reading reading;
    try {
        const std::string text = read_input(path.string());
        if (path.extension() == ".toml") {
            JobFile file = read_job_file(text, path.string(), read_input);
            reading.jobs = std::move(file.jobs);
            reading.channels = std::move(file.channels);
            reading.calendars = std::move(file.calendars);
            reading.mistakes = std::move(file.mistakes);
        } else {
            reading = read_as_crontab(text, path);
        }
    } catch (const Failure& failure) {
        reading.mistakes.emplace_back(failure.what());
    }
    if (reading.jobs.empty() && reading.mistakes.empty()) {
        reading.mistakes.push_back(fmt::format(
            "{}: it has no job, so all jobs would be deleted; to have none, run the node "
            "without --jobs and delete them (`peercron job clear`)",
            path.string()));
    }
    return reading;
}

/// The node's jobs that are the file's own, or would be.
std::vector<Job> own_jobs(const json::value& listed, const std::string& prefix)
{
    std::vector<Job> jobs;
    for (const json::value& row : rows_of(listed)) {
        Job job = job_of(row);
        if (job.name.starts_with(prefix)) jobs.push_back(std::move(job));
    }
    return jobs;
}

/// Whether the same call may work later, or after the jobs were compared again.
bool is_passing(const HttpError& error)
{
    switch (error.status()) {
        case http::status::conflict:   // another node has just added the job
        case http::status::not_found:  // or deleted it
        case http::status::too_many_requests:
        case http::status::service_unavailable:
        case http::status::gateway_timeout:
            return true;
        default:
            return false;
    }
}

/// Throws HttpError, also for a channel that makes no sense.
asio::awaitable<void> apply_channels(OwnApi& api, const std::vector<NoticeChannel>& channels)
{
    if (channels.empty()) co_return;
    const json::value there = co_await api.get("/channel/list");
    std::vector<FileCall> calls;
    try {
        calls = channel_calls(channels, there);
    } catch (const Failure& failure) {
        throw HttpError(http::status::bad_request, failure.what());
    }
    for (FileCall& call : calls) {
        co_await api.post(std::move(call.target), std::move(call.parameters));
    }
}

/// Throws HttpError.
asio::awaitable<void> apply_calendars(OwnApi& api, const std::vector<Calendar>& calendars)
{
    if (calendars.empty()) co_return;
    const json::value list = co_await api.get("/calendar/list");
    std::vector<Calendar> node;
    for (const std::string& name : known_calendars(calendars, list)) {
        // No letter of the name of a calendar needs encoding.
        const json::value shown = co_await api.get("/calendar/show?name=" + name);
        node.push_back(calendar_of(shown));
    }
    for (FileCall& call : calendar_calls(calendars, node)) {
        co_await api.post(std::move(call.target), std::move(call.parameters));
        spdlog::info("jobs: calendar {}: {}", call.name, call.is_new ? "added" : "changed");
    }
}

asio::awaitable<void> carry_out(OwnApi& api, const JobChange& change)
{
    std::string target = "/cron/add";
    if (change.kind == JobChange::Kind::update) target = "/cron/update";
    if (change.kind == JobChange::Kind::remove) target = fmt::format("/cron/delete/{}", change.id);
    co_await api.post(std::move(target), change.request);
}

}  // namespace

JobsFile::JobsFile(std::filesystem::path path) : path_(std::move(path)) {}

std::vector<std::string> JobsFile::mistakes() const
{
    return read_jobs(path_).mistakes;
}

asio::awaitable<void> JobsFile::apply(OwnApi& api) const
{
    std::string told;
    for (;;) {
        std::string trouble;
        try {
            co_await apply_once(api);
            co_return;
        } catch (const HttpError& error) {
            if (!is_passing(error)) {
                spdlog::error("jobs: {}: not applied: {}", path_.string(), error.what());
                co_return;
            }
            trouble = error.what();
        }
        if (trouble != told) {
            spdlog::warn("jobs: {}: trying until it works: {}", path_.string(), trouble);
            told = trouble;
        }
        co_await sleep_for(retry_pause);
    }
}

asio::awaitable<void> JobsFile::apply_once(OwnApi& api) const
{
    const Reading reading = read_jobs(path_);
    if (!reading.mistakes.empty()) {
        spdlog::error("jobs: nothing was changed, because the file has mistakes:\n{}",
                      fmt::join(reading.mistakes, "\n"));
        co_return;
    }
    for (const std::string& note : reading.notes) spdlog::warn("jobs: {}", note);
    co_await apply_channels(api, reading.channels);
    co_await apply_calendars(api, reading.calendars);
    const json::value listed = co_await api.get("/cron/list");
    const std::vector<Job> node = own_jobs(listed, reading.prefix);
    constexpr bool prune = true;
    const JobComparison compared = compare_jobs(reading.jobs, node, prune);
    std::size_t made = 0;
    std::size_t refused = 0;
    for (const JobChange& change : compared.changes) {
        try {
            co_await carry_out(api, change);
            ++made;
        } catch (const HttpError& error) {
            if (is_passing(error)) throw;
            ++refused;
            spdlog::error("jobs: {}: job '{}': {}", path_.string(), change.name, error.what());
        }
    }
    spdlog::info("jobs: {}: {} changed, {} refused, {} as they were", path_.string(),
                 counted(made, "job"), refused, compared.unchanged);
}

}  // namespace peercron
