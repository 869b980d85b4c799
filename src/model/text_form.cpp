#include "model/text_form.hpp"

#include "base/time_of_day.hpp"
#include "model/calendar.hpp"
#include "model/exit_codes.hpp"
#include "model/labels.hpp"
#include "model/lock.hpp"
#include "model/notice.hpp"
#include "model/retry.hpp"

#include <algorithm>
#include <string_view>

namespace peercron {
namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// As a variable of a shell has it.
bool is_variable_name(std::string_view name)
{
    return !name.empty() && is_letter(name.front()) &&
           std::ranges::all_of(name, [](char c) { return is_letter(c) || is_digit(c); });
}

bool has_control(std::string_view text)
{
    return std::ranges::any_of(
        text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; });
}

bool is_one_line(std::string_view text)
{
    return text.find_first_of("\n\r") == std::string_view::npos;
}

bool is_variable(std::string_view text)
{
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return false;
    return is_variable_name(text.substr(0, equals)) && !text.starts_with("PEERCRON_") &&
           is_one_line(text);
}

bool is_folder(std::string_view text)
{
    return text.empty() || (text.front() == '/' && !has_control(text));
}

bool is_umask(std::string_view text)
{
    constexpr std::size_t digits = 3;
    return text.empty() || (text.size() == digits &&
                            std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '7'; }));
}

bool is_user(std::string_view text)
{
    if (text.empty()) return true;
    if (!is_letter(text.front())) return false;
    if (text.size() > 1 && text.back() == '$') text.remove_suffix(1);
    return std::ranges::all_of(
        text, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; });
}

bool is_secret(std::string_view text)
{
    return !text.empty() && text.front() != '.' && std::ranges::all_of(text, [](char c) {
        return is_letter(c) || is_digit(c) || c == '-' || c == '.';
    });
}

bool is_channel(std::string_view text)
{
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return is_letter(c) || is_digit(c) || c == '-' || c == '.';
    });
}

bool is_clock(std::string_view text)
{
    return text.empty() || text == "none" || is_time_of_day(text);
}

bool is_input(std::string_view text)
{
    const std::size_t name_end = std::min(text.find_first_of("=:"), text.size());
    return is_variable_name(text.substr(0, name_end)) && is_one_line(text);
}

}  // namespace

const TextForm variable_form{
    is_variable,
    "NAME=value on one line, where NAME has letters, digits and _, and does not begin with "
    "PEERCRON_",
    "^(?!PEERCRON_)[A-Za-z_][A-Za-z0-9_]*=[^\\u0000\\n\\r]*$", "LC_ALL=C"};

const TextForm folder_form{is_folder, "an absolute path, as /var/backups, or nothing",
                           "^$|^/[^\\u0000-\\u001f\\u007f]*$", "/var/backups"};

const TextForm umask_form{is_umask, "three octal digits, as 027, or nothing", "^$|^[0-7]{3}$",
                          "027"};

const TextForm retry_form{is_retry_word,
                          "failed, timeout, an exit code from 0 to 255 such as 75, a range such as "
                          "100-110, or one of these "
                          "with ! before it, such as !2, to leave it out",
                          "^(failed|timeout|!?(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
                          "(-(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9]))?)$",
                          "75"};

const TextForm exit_codes_form{
    [](std::string_view text) { return parse_exit_codes(text).has_value(); },
    "an exit code from 0 to 255, or a range, as 10-19,",
    "^(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(-(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9]))?$", "10-19"};

const TextForm user_form{is_user, "the name of a user, as backup, or nothing",
                         "^$|^[A-Za-z_][A-Za-z0-9_.-]*\\$?$", "backup"};

const TextForm secret_form{
    is_secret,
    "the name of a file in [secrets] dir, of letters, digits, _, - and ., which it does not begin "
    "with,",
    "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", "db-password"};

const TextForm channel_form{is_channel, "the name of a channel, of letters, digits, _, - and .,",
                            "^[A-Za-z0-9_.-]+$", "ops"};

const TextForm notice_form{
    [](std::string_view text) { return parse_notice_word(text).has_value(); },
    "failing, recovered, missed, late, slow, fast, failed, success, skipped or lost",
    "^(failing|recovered|missed|late|slow|fast|failed|success|skipped|lost)$", "failing"};

const TextForm clock_form{is_clock, "a time of the day, as 04:00, none, or nothing",
                          "^$|^none$|^([01][0-9]|2[0-3]):[0-5][0-9]$", "04:00"};

const TextForm run_on_form{
    is_run_on_term,
    "a node's label, as db, zone=eu, host=db1 or address=10.0.0.7, or one that it must not have, "
    "as !spare,",
    "^!?[A-Za-z0-9_.:@/\\[\\]-]+(=[A-Za-z0-9_.:@/\\[\\]-]+)?$", "zone=eu"};

const TextForm lock_form{
    [](std::string_view text) { return parse_lock(text).has_value(); },
    "the name of a lock, of at most 64 letters, digits, _, - and ., and perhaps how much of it a "
    "run takes, from 1 to 10000, as ftp:2,",
    "^[A-Za-z0-9_.-]{1,64}(:([1-9][0-9]{0,3}|10000))?$", "ftp"};

const TextForm calendar_form{
    is_calendar_term,
    "the name of a calendar, of at most 64 letters, digits, _, - and ., perhaps with ! before it, "
    "as workdays or !freeze,",
    "^!?[A-Za-z0-9_.-]{1,64}$", "workdays"};

const TextForm input_form{
    is_input, "NAME, NAME=default or NAME:first|second, where NAME has letters, digits and _,",
    "^[A-Za-z_][A-Za-z0-9_]*([=:][^\\u0000\\n\\r]*)?$", "LEVEL:incremental|full"};

}  // namespace peercron
