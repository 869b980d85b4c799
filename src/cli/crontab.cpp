#include "cli/crontab.hpp"

#include "base/result.hpp"
#include "base/utf8.hpp"
#include "cli/shell_quote.hpp"
#include "model/job_fields.hpp"
#include "schedule/schedule.hpp"

#include <spdlog/fmt/fmt.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace peercron {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::size_t longest_slug = 24;

std::string_view trim(std::string_view text)
{
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Takes the next word from the left of `rest`.
std::string_view take_word(std::string_view& rest)
{
    rest = trim(rest);
    const std::string_view word = rest.substr(0, rest.find_first_of(blanks));
    rest = trim(rest.substr(word.size()));
    return word;
}

bool is_name_character(char c)
{
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// `text` without the quotes around it, if it has a pair.
std::string_view unquoted(std::string_view text)
{
    const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                        text.back() == text.front();
    return quoted ? text.substr(1, text.size() - 2) : text;
}

/// NAME = value, blanks allowed around the sign; a line of fields has none before its command.
std::optional<std::pair<std::string, std::string>> read_assignment(std::string_view line)
{
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = unquoted(trim(line.substr(0, equals)));
    const bool good = !name.empty() && std::isdigit(static_cast<unsigned char>(name[0])) == 0 &&
                      std::all_of(name.begin(), name.end(), is_name_character);
    if (!good) return std::nullopt;
    return std::pair(std::string(name), std::string(unquoted(trim(line.substr(equals + 1)))));
}

/// FNV-1a, 32 bits: short, and the same everywhere.
std::uint32_t hash(std::string_view text)
{
    std::uint32_t value = 2166136261U;
    for (const char c : text) {
        value ^= static_cast<unsigned char>(c);
        value *= 16777619U;
    }
    return value;
}

/// A readable word of the command: its program, as a rule.
std::string slug(std::string_view command)
{
    std::string_view rest = command;
    std::string_view word;
    while (!rest.empty()) {
        word = take_word(rest);
        const bool passed_over = word.find('=') != std::string_view::npos || word == "[" ||
                                 word == "test" || word == "cd" || word == "sudo" ||
                                 word == "nice" || word == "exec" || word == "if";
        if (!passed_over) break;
        if (word == "[" || word == "test" || word == "cd" || word == "if") {
            const auto next = rest.find_first_of("&|;");
            if (next == std::string_view::npos) break;
            const auto command_begin = rest.find_first_not_of("&|; \t", next);
            if (command_begin == std::string_view::npos) break;
            rest = trim(rest.substr(command_begin));
        }
    }
    word = word.substr(word.rfind('/') == std::string_view::npos ? 0 : word.rfind('/') + 1);
    std::string plain;
    for (const char c : word) {
        if (plain.size() == longest_slug) break;
        const bool good = is_name_character(c) || c == '-' || c == '.';
        if (good) plain += c;
    }
    return plain.empty() ? "job" : plain;
}

/// A field of a crontab; cron counts weekdays from Sunday.
struct FieldRule {
    std::string_view name;
    int first;
    int last;
};

constexpr std::array<FieldRule, 5> field_rules{
    {{"minute", 0, 59}, {"hour", 0, 23}, {"day", 1, 31}, {"month", 1, 12}, {"weekday", 0, 6}}};

/// A side of a random range; one that is left out is the end of the field's own range.
std::optional<int> side(std::string_view text, int open, const FieldRule& rule)
{
    if (text.empty()) return open;
    int value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool good = error == std::errc() && rest == text.data() + text.size();
    if (!good || value < rule.first || value > rule.last) return std::nullopt;
    return value;
}

Result<std::string> as_result(std::string text)
{
    return {boost::system::in_place_value, std::move(text)};
}

/// 0~59 of cronie is a random number of the range, the same all day long: H, spread by the job.
/// Steps may follow it.
Result<std::string> with_spread(std::string_view element, const FieldRule& rule)
{
    const auto tilde = element.find('~');
    if (tilde == std::string_view::npos) return as_result(std::string(element));
    const auto slash = std::min(element.find('/', tilde), element.size());
    const std::string_view low = element.substr(0, tilde);
    const std::string_view high = element.substr(tilde + 1, slash - tilde - 1);
    const std::string_view steps = element.substr(slash);
    if (low.empty() && high.empty()) return as_result(fmt::format("H{}", steps));
    const auto first = side(low, rule.first, rule);
    const auto last = side(high, rule.last, rule);
    if (!first || !last || *first > *last) {
        return Error{fmt::format(
            "{} '{}': around a ~ two numbers from {} to {} are allowed, the smaller one first",
            rule.name, element, rule.first, rule.last)};
    }
    return as_result(fmt::format("H({}-{}){}", *first, *last, steps));
}

/// The next field of a line, as an expression has it.
Result<std::string> take_field(std::string_view& line, const FieldRule& rule)
{
    std::string field;
    std::string_view list = take_word(line);
    while (true) {
        const auto comma = list.find(',');
        const auto element = with_spread(list.substr(0, comma), rule);
        if (!element) return element.error();
        field += *element;
        if (comma == std::string_view::npos) return as_result(std::move(field));
        field += ',';
        list.remove_prefix(comma + 1);
    }
}

/// The fields of a line, or its word such as @daily. What is left in `line` is the rest.
Result<std::string> take_schedule(std::string_view& line)
{
    if (line.starts_with('@')) return as_result(std::string(take_word(line)));
    std::string cron_set;
    for (const FieldRule& rule : field_rules) {
        const auto field = take_field(line, rule);
        if (!field) return field.error();
        if (!cron_set.empty()) cron_set += ' ';
        cron_set += *field;
    }
    return as_result(std::move(cron_set));
}

/// "*", "10", "MON", "5L": what lists, ranges and steps of a field are made of.
bool is_of_field(std::string_view text)
{
    static constexpr std::array<std::string_view, 19> names{
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct",
        "nov", "dec", "sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    if (text.find_first_not_of("0123456789*?LW") == std::string_view::npos) return true;
    return std::ranges::any_of(names, [text](std::string_view name) {
        return text.size() == name.size() &&
               ::strncasecmp(text.data(), name.data(), name.size()) == 0;
    });
}

/// Whether there is a sixth field, which others take for a year, or for seconds before the others.
bool begins_with_field(std::string_view line)
{
    std::string_view rest = line.substr(0, line.find_first_of(" \t"));
    if (rest.empty()) return false;
    while (true) {
        const auto end = rest.find_first_of("/,-#");
        if (!is_of_field(rest.substr(0, end))) return false;
        if (end == std::string_view::npos) return true;
        rest.remove_prefix(end + 1);
    }
}

/// The command and what it reads: an unescaped % ends it, later ones are line breaks.
struct Input {
    std::string command;
    std::optional<std::string> text;
};

Input split_at_percent(std::string_view line)
{
    Input input;
    std::string* part = &input.command;
    for (std::size_t i = 0; i < line.size(); ++i) {
        if (line[i] == '\\' && i + 1 < line.size() && line[i + 1] == '%') {
            *part += '%';
            ++i;
        } else if (line[i] == '%' && !input.text) {
            part = &input.text.emplace();
        } else {
            *part += line[i] == '%' ? '\n' : line[i];
        }
    }
    return input;
}

/// A line that was commented out, or the titles of the fields.
bool is_no_remark(std::string_view comment)
{
    if (comment.starts_with("m h ") || comment.starts_with("min hour")) return true;
    if (read_assignment(comment)) return true;
    if (comment.starts_with('-')) comment = trim(comment.substr(1));
    const bool is_reboot = comment.starts_with("@reboot ");
    const auto cron_set = take_schedule(comment);
    return cron_set && !comment.empty() && (is_reboot || Schedule::make(*cron_set, "UTC", 1));
}

class CrontabReader {
public:
    explicit CrontabReader(const CrontabForm& form) : form_(form), time_zone_(form.time_zone) {}

    void read(std::string_view text)
    {
        while (!text.empty()) {
            const auto end = text.find('\n');
            std::string_view line = text.substr(0, end);
            text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
            if (line.ends_with('\r')) line.remove_suffix(1);
            ++line_;
            read_line(trim(line));
        }
    }

    CrontabPlan take()
    {
        plan_.looks_like_system = with_user_ > 0 && with_user_ == plan_.jobs.size();
        return std::move(plan_);
    }

private:
    void note(std::string text) { plan_.notes.push_back({line_, std::move(text)}); }

    void read_line(std::string_view line)
    {
        if (line.empty()) {
            comment_.clear();
            return;
        }
        if (line.front() == '#') {
            comment_ = trim(line.substr(std::min(line.find_first_not_of('#'), line.size())));
            if (is_no_remark(comment_)) comment_.clear();
            return;
        }
        const std::string remark = std::exchange(comment_, {});
        const bool may_assign = std::isalpha(static_cast<unsigned char>(line.front())) != 0 ||
                                line.front() == '_' || line.front() == '"' || line.front() == '\'';
        if (may_assign) {
            if (const auto assignment = read_assignment(line)) {
                set(assignment->first, assignment->second);
                return;
            }
        }
        read_job(line, remark);
    }

    void set(const std::string& name, const std::string& value)
    {
        if (name == "CRON_TZ") {
            time_zone_ = value.empty() ? form_.time_zone : value;
        } else if (name == "SHELL") {
            shell_ = value;
        } else if (name == "MAILTO" || name == "MAILFROM" || name == "CONTENT_TYPE" ||
                   name == "CONTENT_TRANSFER_ENCODING") {
            note(name + " is not imported: output is kept in the log, nothing is mailed");
        } else if (name == "RANDOM_DELAY") {
            note("RANDOM_DELAY is not imported: use H in a field to spread jobs");
        } else {
            environment_[name] = value;
        }
    }

    void refuse(std::string text)
    {
        ++plan_.refused;
        note(std::move(text));
    }

    void read_job(std::string_view line, const std::string& remark)
    {
        const std::string_view whole = line;
        if (line.front() == '-') line = trim(line.substr(1));  // not to be logged by cron
        if (!is_utf8(whole)) {
            return refuse(fmt::format("{} is not imported: it is not UTF-8", quote_utf8(whole)));
        }
        if (line.starts_with("@reboot")) {
            return refuse(
                "@reboot is not imported: it has no time; to run a command when the machine "
                "starts, use a systemd unit");
        }
        auto cron_set = take_schedule(line);
        if (!cron_set) {
            return refuse(fmt::format("'{}' is not imported: {}", whole, cron_set.error().message));
        }
        if (begins_with_field(line)) {
            return refuse(
                fmt::format("'{}' is not imported: it has more than five fields; seconds and years "
                            "are for job files (cron_set)",
                            whole));
        }
        std::string user;
        if (form_.has_user) user = take_word(line);
        if (line.empty()) return refuse(fmt::format("'{}' is not imported: no command", whole));
        const std::string zone = time_zone_.empty() ? "UTC" : time_zone_;
        const auto schedule = Schedule::make(*cron_set, zone, 1);
        if (!schedule) {
            return refuse(fmt::format("'{}' is not imported: {}", whole, schedule.error().message));
        }
        if (!form_.has_user) look_for_user(line);
        CrontabJob job;
        job.line = line_;
        job.cron_set = std::move(*cron_set);
        job.command = command_of(line, user);
        job.time_zone = time_zone_;
        if (is_utf8(remark)) {
            job.remark = first_characters(
                remark, std::get<kind::Text>(field_of(&Job::remark).kind).characters);
        } else {
            note("the comment above it is not imported: it is not UTF-8");
        }
        job.name = name_of(job, line);
        JobPatch rules;
        rules.set(&Job::name, job.name);
        rules.set(&Job::command, job.command);
        if (const auto problem = find_problem(rules)) {
            return refuse(fmt::format("'{}' is not imported: {}: {}", whole, problem->field->name,
                                      problem->what));
        }
        plan_.jobs.push_back(std::move(job));
    }

    /// A user before the command, which is how a system crontab has it.
    void look_for_user(std::string_view line)
    {
        const std::string first(take_word(line));
        if (line.empty() || !form_.is_user || !form_.is_user(first)) return;
        ++with_user_;
        note(
            fmt::format("the command begins with '{}', a user of this machine: for a system "
                        "crontab, whose sixth field is the user, give --system",
                        first));
    }

    std::string command_of(std::string_view line, const std::string& user)
    {
        const Input input = split_at_percent(line);
        std::string command(trim(input.command));
        if (!shell_.empty() && shell_ != "/bin/sh") {
            command = fmt::format("{} -c {}", shell_quote(shell_), shell_quote(command));
        } else if (input.text) {
            command = "{ " + command + "\n}";
        }
        if (input.text) {
            command = fmt::format("printf '%s\\n' {} | {}", shell_quote(*input.text), command);
        }
        std::string exports;
        for (const auto& [name, value] : environment_) {
            exports += fmt::format("export {}={}; ", name, shell_quote(value));
        }
        command = exports + command;
        if (!user.empty() && user != form_.current_user) {
            note(fmt::format("runs as {}: the node must run as root, or this fails", user));
            command = fmt::format("runuser -u {} -- /bin/sh -c {}", shell_quote(user),
                                  shell_quote(command));
        }
        return command;
    }

    /// The same line twice is two jobs.
    std::string name_of(const CrontabJob& job, std::string_view command)
    {
        const std::string content = job.cron_set + '\n' + job.time_zone + '\n' + job.command;
        std::string name =
            fmt::format("crontab/{}/{}-{:08x}", form_.source, slug(command), hash(content));
        const int copies = ++names_[name];
        if (copies > 1) name += fmt::format("-{}", copies);
        return name;
    }

    const CrontabForm& form_;
    CrontabPlan plan_;
    std::size_t line_ = 0;
    std::size_t with_user_ = 0;  // jobs whose commands begin with a user
    std::string comment_;
    std::string time_zone_;
    std::string shell_;
    std::map<std::string, std::string> environment_;
    std::map<std::string, int> names_;
};

}  // namespace

CrontabPlan read_crontab(std::string_view text, const CrontabForm& form)
{
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    CrontabReader reader(form);
    reader.read(text);
    return reader.take();
}

}  // namespace peercron
