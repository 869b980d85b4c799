#include "cli/lock_commands.hpp"

#include "cli/answer_fields.hpp"
#include "cli/moments.hpp"
#include "cli/table.hpp"
#include "cli/text_width.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace peercron {

namespace json = boost::json;

namespace {

struct LockOptions : ApiOptions {
    std::string name;
    std::int64_t limit = 0;
};

/// "backup (run 12 on 10.0.0.7:9991), …"
std::string lock_runs_text(const json::array& runs)
{
    std::string text;
    for (const json::value& value : runs) {
        const AnswerFields run(value);
        const std::string name = run.text("job");
        const std::string job =
            name.empty() ? fmt::format("job {}", run.number_text("cron_id")) : name;
        const std::string node = run.text("run_server");
        const std::int64_t weight = run.number_or("weight", 1);
        text += fmt::format("{}{}{} (run {}{})", text.empty() ? "" : ", ", job,
                            weight == 1 ? "" : fmt::format(":{}", weight), run.number_text("id"),
                            node.empty() ? "" : " on " + node);
    }
    return text;
}

std::string locks_text(const json::array& locks, const Screen& screen)
{
    Table table({{"LOCK"},
                 {"LIMIT", true},
                 {"TAKEN", true},
                 {"JOBS", true},
                 {"HELD BY", false, true},
                 {"WAITING", false, true}});
    for (const json::value& value : locks) {
        const AnswerFields lock(value);
        const bool is_full = lock.number_or("taken", 0) >= lock.number_or("limit", 1);
        table.add({{lock.text("name")},
                   {lock.number_text("limit")},
                   {lock.number_text("taken"), is_full ? Colour::yellow : Colour::none},
                   {lock.number_text("jobs")},
                   {lock_runs_text(lock.list("owners"))},
                   {lock_runs_text(lock.list("waiting"))}});
    }
    return table.empty() ? "no job has a lock, and no limit is set; `peercron job update JOB "
                           "--locks NAME` gives a job one\n"
                         : table.text(screen);
}

ExitStatus list_locks(const LockOptions& options)
{
    ApiClient client = make_client(options);
    const json::value data = client.get("/lock/list");
    if (options.json) {
        print_json(data);
    } else {
        print(locks_text(rows_of(data), screen_of_stdout()));
    }
    return ExitStatus::done;
}

ExitStatus tell_lock(const LockOptions& options, const json::value& data)
{
    if (options.json) {
        print_json(data);
        return ExitStatus::done;
    }
    const AnswerFields lock(data);
    print(fmt::format("lock {}: limit {}{}, {} taken\n", one_line(lock.text("name")),
                      lock.number_text("limit"), lock.flag("is_set") ? "" : " (nobody has set one)",
                      lock.number_text("taken")));
    return ExitStatus::done;
}

ExitStatus set_lock(const LockOptions& options)
{
    ApiClient client = make_client(options);
    json::object fields;
    fields["name"] = options.name;
    fields["limit"] = options.limit;
    return tell_lock(options, client.post("/lock/set", fields));
}

ExitStatus delete_lock(const LockOptions& options)
{
    ApiClient client = make_client(options);
    json::object fields;
    fields["name"] = options.name;
    return tell_lock(options, client.post("/lock/delete", fields));
}

}  // namespace

void add_lock_commands(CLI::App& app, Action& chosen)
{
    CLI::App& lock = *app.add_subcommand("lock", "Limit how many jobs use something at a time");
    lock.footer(
        "A job names its locks with --locks; a lock without a limit of its own has 1.\n\n"
        "Examples:\n"
        "  peercron job update extract --locks db,ftp:2\n"
        "  peercron lock set ftp 4\n"
        "  peercron lock list");
    lock.require_subcommand(1);

    auto options = std::make_shared<LockOptions>();
    add_api_command(lock, chosen, "list", "Show the locks, who holds them and who waits", options,
                    list_locks)
        .footer("Example:\n  peercron lock list");

    options = std::make_shared<LockOptions>();
    CLI::App& set =
        add_api_command(lock, chosen, "set", "Set the limit of a lock", options, set_lock);
    set.add_option("LOCK", options->name, "Its name")->required()->type_name("");
    set.add_option("LIMIT", options->limit, "How much of it may be taken at a time, 1 to 10000")
        ->required()
        ->type_name("");
    set.footer(
        "Example:\n"
        "  peercron lock set ftp 4\n"
        "When more is taken than a new limit allows, nothing is ended; nothing starts until it "
        "fits.");

    options = std::make_shared<LockOptions>();
    CLI::App& remove =
        add_api_command(lock, chosen, "delete", "Delete the limit of a lock, which is 1 again",
                        options, delete_lock);
    remove.add_option("LOCK", options->name, "Its name")->required()->type_name("");
    remove.footer("Example:\n  peercron lock delete ftp");
}

}  // namespace peercron
