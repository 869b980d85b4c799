#include "copy_command.hpp"

#include "base/counted.hpp"
#include "store/copy.hpp"
#include "store/store_address.hpp"

#include <spdlog/fmt/fmt.h>

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>

namespace peercron {
namespace {

struct CopyOptions {
    std::string from;
    std::string to;
    std::string from_password_file;
    std::string to_password_file;
};

std::string password(const std::string& file)
{
    if (file.empty()) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
        const char* const variable = std::getenv("PEERCRON_MYSQL_PASSWORD");
        return variable == nullptr ? "" : variable;
    }
    errno = 0;
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    if (in.bad() || !in.is_open()) {
        throw Failure(ExitStatus::usage,
                      fmt::format("password file {} cannot be read: {}", file,
                                  std::generic_category().message(errno == 0 ? EIO : errno)));
    }
    return line;
}

StoreAddress address_of(const std::string& text, const std::string& password_file)
{
    try {
        StoreAddress address = parse_store_address(text);
        if (auto* const mysql = std::get_if<MysqlSettings>(&address)) {
            mysql->password = password(password_file);
        }
        return address;
    } catch (const BadStoreAddress& error) {
        throw Failure(ExitStatus::usage, error.what());
    }
}

/// Tells on standard error how far the copy is: a bar on a terminal, else a line for each tenth.
class ProgressBar {
public:
    void show(const CopyProgress& progress)
    {
        if (progress.comparing) {
            end();
            std::cerr << "comparing both databases\n";
            return;
        }
        const std::int64_t all = progress.all_jobs + progress.all_rows;
        const std::int64_t done = progress.jobs + progress.rows;
        if (!begun_ && done > 0) {
            std::cerr << fmt::format("continuing after {} and {} that are already copied\n",
                                     counted(progress.jobs, "job"), counted(progress.rows, "row"));
        }
        const std::int64_t percent = all == 0 ? 100 : done * 100 / all;
        if (terminal_) {
            const auto filled = static_cast<std::size_t>(percent) * width / 100;
            std::cerr << fmt::format("\r[{}{}] {:3} %  {} of {} rows", std::string(filled, '#'),
                                     std::string(width - filled, ' '), percent, progress.rows,
                                     progress.all_rows)
                      << std::flush;
        } else if (begun_ && percent / 10 > shown_ / 10) {
            std::cerr << fmt::format("{} %: {} of {} rows\n", percent, progress.rows,
                                     progress.all_rows);
        }
        begun_ = true;
        shown_ = percent;
    }
    void end()
    {
        if (terminal_ && begun_) std::cerr << '\n';
        begun_ = false;
    }

private:
    static constexpr std::size_t width = 40;

    bool terminal_ = isatty(STDERR_FILENO) == 1;
    bool begun_ = false;
    std::int64_t shown_ = 0;
};

std::unique_ptr<StoreImage> open(std::string_view option, const StoreAddress& address,
                                 Missing missing)
{
    try {
        return open_image(address, missing);
    } catch (const StoreError& error) {
        throw Failure(ExitStatus::failed, fmt::format("{}: {}", option, error.what()));
    }
}

ExitStatus copy(const CopyOptions& options)
{
    const StoreAddress from = address_of(options.from, options.from_password_file);
    const StoreAddress to = address_of(options.to, options.to_password_file);
    if (same_database(from, to)) {
        throw Failure(ExitStatus::usage, "--from and --to name the same database");
    }
    const auto source = open("--from", from, Missing::is_an_error);
    const auto target = open("--to", to, Missing::is_made);
    ProgressBar bar;
    StoreTotals totals;
    try {
        totals =
            copy_store(*source, *target, [&](const CopyProgress& progress) { bar.show(progress); });
    } catch (...) {
        bar.end();
        throw;
    }
    bar.end();
    std::string states;
    std::int64_t rows = 0;
    for (const auto& [state, count] : totals.rows_by_state) {
        states += fmt::format("{}{} {}", states.empty() ? " (" : ", ", count, state);
        rows += count;
    }
    if (!states.empty()) states += ")";
    print(fmt::format("both databases hold {} and {}{}\n", counted(totals.jobs, "job"),
                      counted(rows, "row") + " of the ledger", states));
    return ExitStatus::done;
}

}  // namespace

void add_copy_command(CLI::App& app, Action& chosen)
{
    CLI::App& command = *app.add_subcommand(
        "copy-store",
        "Copy jobs and ledger into another database, to move from one machine to a cluster");
    command.footer(
        "Examples:\n"
        "  peercron copy-store --from sqlite:$HOME/.local/state/peercron --to "
        "mysql://cron@db1/cron\n"
        "Stop the node first, so that nothing runs meanwhile. The target must be empty, or\n"
        "contain an interrupted copy of the same source: run the same command again, and it\n"
        "continues. Ids, times and counters stay the same; the source is not changed.\n"
        "PEERCRON_MYSQL_PASSWORD is the password, unless a file is named.");
    auto options = std::make_shared<CopyOptions>();
    command.add_option("--from", options->from, "sqlite:PATH or mysql://USER@HOST:PORT/DATABASE")
        ->required()
        ->type_name("STORE");
    command.add_option("--to", options->to, "The same; it is created if it does not exist")
        ->required()
        ->type_name("STORE");
    command
        .add_option("--from-password-file", options->from_password_file,
                    "A file whose first line is the password")
        ->type_name("FILE");
    command.add_option("--to-password-file", options->to_password_file, "The same for the target")
        ->type_name("FILE");
    on_parsed(command, chosen, [options] { return copy(*options); });
}

}  // namespace peercron
