#include "model/job_fields.hpp"

#include "base/overloaded.hpp"
#include "base/units.hpp"
#include "base/utf8.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A member's value as columns and JSON have it, and back: false when it is of another type.

FieldValue to_value(const std::string& text)
{
    return text;
}
FieldValue to_value(const RareText& text)
{
    return text.get();
}
FieldValue to_value(const RareWords& words)
{
    return words.get();
}
FieldValue to_value(bool flag)
{
    return flag;
}
FieldValue to_value(std::int64_t number)
{
    return number;
}
FieldValue to_value(seconds time)
{
    return std::int64_t{time.count()};
}
FieldValue to_value(milliseconds time)
{
    return std::int64_t{time.count()};
}
FieldValue to_value(const std::optional<seconds>& time)
{
    return time ? to_value(*time) : FieldValue();
}
template <class Policy>
FieldValue to_value(Policy policy)
{
    return std::string(policy_name(policy));
}

template <class T>
bool from_value(FieldValue& value, T& member)
{
    T* const found = std::get_if<T>(&value);
    if (found == nullptr) return false;
    member = std::move(*found);
    return true;
}

template <class T>
bool from_rare(FieldValue& value, Rare<T>& member)
{
    T* const found = std::get_if<T>(&value);
    if (found == nullptr) return false;
    member = Rare<T>(std::move(*found));
    return true;
}
bool from_value(FieldValue& value, RareText& member)
{
    return from_rare(value, member);
}
bool from_value(FieldValue& value, RareWords& member)
{
    return from_rare(value, member);
}

template <class Rep, class Period>
bool from_value(FieldValue& value, std::chrono::duration<Rep, Period>& member)
{
    const auto* const count = std::get_if<std::int64_t>(&value);
    if (count == nullptr) return false;
    member = std::chrono::duration<Rep, Period>(*count);
    return true;
}

bool from_value(FieldValue& value, std::optional<seconds>& member)
{
    const auto* const word = std::get_if<std::string>(&value);
    if (word != nullptr && *word == until_next_name) {
        member = until_next;
        return true;
    }
    if (std::holds_alternative<std::monostate>(value)) {
        member.reset();
        return true;
    }
    seconds time{0};
    if (!from_value(value, time)) return false;
    member = time;
    return true;
}

template <class Policy>
requires std::is_enum_v<Policy>
bool from_value(FieldValue& value, Policy& member)
{
    const auto* const word = std::get_if<std::string>(&value);
    const auto policy = word == nullptr ? std::nullopt : parse_policy<Policy>(*word);
    if (policy) member = *policy;
    return policy.has_value();
}

bool is_control(char c)
{
    return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
}

bool is_padded(std::string_view text)
{
    return !text.empty() && (text.front() == ' ' || text.back() == ' ');
}

// What is wrong with a value of a kind; nullopt when nothing is.
using Problem = std::optional<std::string>;

Problem not_text(const std::string& given)
{
    if (is_utf8(given) && given.find('\0') == std::string::npos) return std::nullopt;
    return fmt::format("given {}; UTF-8 without NUL is allowed", quote_utf8(given));
}

Problem too_long(const std::string& given, std::size_t most)
{
    if (Problem problem = not_text(given)) return problem;
    const std::size_t characters = count_characters(given);
    if (characters <= most) return std::nullopt;
    return fmt::format("given {} characters; at most {} are allowed", characters, most);
}

Problem out_of_range(std::int64_t given, std::int64_t least, std::int64_t most)
{
    if (given >= least && given <= most) return std::nullopt;
    return fmt::format("given {}; {} to {} is allowed", given, least, most);
}

Problem out_of_range(std::int64_t given, std::int64_t most)
{
    return out_of_range(given, 0, most);
}

Problem bad_size(std::int64_t given, const kind::Size& allowed)
{
    if (given >= allowed.least && given <= allowed.most) return std::nullopt;
    return fmt::format("given {}; 0, or {} ({}) to {} ({}) bytes are allowed", given, allowed.least,
                       format_size(static_cast<std::size_t>(allowed.least)), allowed.most,
                       format_size(static_cast<std::size_t>(allowed.most)));
}

Problem bad_name(const std::string& name, std::size_t most)
{
    if (Problem problem = too_long(name, most)) return problem;
    const bool number = !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
    if (!is_padded(name) && !number && std::ranges::none_of(name, is_control)) return std::nullopt;
    return fmt::format(
        "given {}; a name without control characters and without spaces at its ends, that is not "
        "only a number, is allowed",
        quote_utf8(name));
}

Problem bad_command(const std::string& command, std::size_t most)
{
    if (Problem problem = not_text(command)) return problem;
    if (command.size() <= most) return std::nullopt;
    return fmt::format("given {} bytes; at most {} are allowed", command.size(), most);
}

Problem has_other_form(const std::string& given, const TextForm* form)
{
    if (form == nullptr || form->fits(given)) return std::nullopt;
    return fmt::format("given {}; {} is allowed", quote_utf8(given), form->allowed);
}

Problem bad_text(const std::string& given, const kind::Text& allowed)
{
    if (Problem problem = too_long(given, allowed.characters)) return problem;
    return has_other_form(given, allowed.form);
}

Problem bad_lines(const std::vector<std::string>& lines, const kind::Lines& allowed)
{
    if (lines.size() > allowed.count) {
        return fmt::format("given {} lines; at most {} are allowed", lines.size(), allowed.count);
    }
    for (const std::string& line : lines) {
        if (Problem problem = too_long(line, allowed.characters)) return problem;
        if (Problem problem = has_other_form(line, allowed.form)) return problem;
    }
    const std::size_t bytes = join_lines(lines).size();
    if (bytes <= allowed.bytes) return std::nullopt;
    return fmt::format("given {} bytes; at most {} are allowed", bytes, allowed.bytes);
}

Problem bad_body(const std::string& body, std::size_t most)
{
    if (Problem problem = not_text(body)) return problem;
    if (body.size() <= most) return std::nullopt;
    return fmt::format("given {} bytes; at most {} are allowed", body.size(), most);
}

Problem bad_words(const std::vector<std::string>& words, const kind::Words& allowed)
{
    if (words.size() > allowed.count) {
        return fmt::format("given {} words; at most {} are allowed", words.size(), allowed.count);
    }
    for (const std::string& word : words) {
        if (Problem problem = too_long(word, allowed.characters)) return problem;
        const bool plain = std::ranges::none_of(word, is_control) && !is_padded(word) &&
                           !word.empty() && word.find(',') == std::string::npos;
        if (!plain) {
            return fmt::format(
                "given {}; a word without commas, control characters and spaces at its ends is "
                "allowed",
                quote_utf8(word));
        }
        if (Problem problem = has_other_form(word, allowed.form)) return problem;
    }
    return std::nullopt;
}

Problem problem_of(const JobField& field, const FieldValue& value)
{
    const auto text = [&value]() -> const std::string& { return std::get<std::string>(value); };
    const auto number = [&value] { return std::get<std::int64_t>(value); };
    return std::visit(
        Overloaded{
            [&](const kind::Expression& kind) { return too_long(text(), kind.characters); },
            [&](const kind::Zone& kind) { return too_long(text(), kind.characters); },
            [&](const kind::Name& kind) { return bad_name(text(), kind.characters); },
            [&](const kind::Command& kind) { return bad_command(text(), kind.bytes); },
            [&](const kind::Text& kind) { return bad_text(text(), kind); },
            [&](const kind::Body& kind) { return bad_body(text(), kind.bytes); },
            [&](const kind::Words& kind) {
                return bad_words(std::get<std::vector<std::string>>(value), kind);
            },
            [&](const kind::Lines& kind) {
                return bad_lines(std::get<std::vector<std::string>>(value), kind);
            },
            [&](const kind::Flag&) { return Problem(); },
            [&](const kind::Count& kind) { return out_of_range(number(), kind.most); },
            [&](const kind::Number& kind) { return out_of_range(number(), kind.least, kind.most); },
            [&](const kind::Size& kind) {
                return number() == 0 ? Problem() : bad_size(number(), kind);
            },
            [&](const kind::Moment& kind) { return out_of_range(number(), kind.latest); },
            [&](const kind::Duration& kind) {
                return out_of_range(number(), kind.least, kind.most);
            },
            [&](const kind::Millis& kind) { return out_of_range(number(), kind.most); },
            [&](const kind::Window& kind) {
                const auto* const given = std::get_if<std::int64_t>(&value);
                const bool is_bound = given != nullptr && *given != until_next.count();
                return is_bound ? out_of_range(*given, kind.most) : Problem();
            },
            [&](const kind::Choice&) { return Problem(); },
        },
        field.kind);
}

}  // namespace

std::vector<const JobField*> fields_of(const FieldSet& set)
{
    std::vector<const JobField*> fields;
    for (std::size_t i = 0; i < job_fields.size(); ++i) {
        if (set.test(i)) fields.push_back(&job_fields[i]);
    }
    return fields;
}

const JobField* find_field(std::string_view name)
{
    const auto* const field = std::ranges::find(job_fields, name, &JobField::name);
    return field == job_fields.end() ? nullptr : field;
}

bool is_filter(const JobField& field)
{
    const auto* const words = std::get_if<kind::Words>(&field.kind);
    return words != nullptr && words->is_filter;
}

FieldValue stored_value(const JobField& field, const Job& job)
{
    return std::visit([&job](auto member) { return to_value(job.*member); }, field.member);
}

FieldValue shown_value(const JobField& field, const Job& job)
{
    const bool is_word = std::holds_alternative<kind::Window>(field.kind);
    FieldValue value = stored_value(field, job);
    if (is_word && value == FieldValue(std::int64_t{until_next.count()})) {
        return std::string(until_next_name);
    }
    return value;
}

bool assign(const JobField& field, Job& job, FieldValue value)
{
    return std::visit([&](auto member) { return from_value(value, job.*member); }, field.member);
}

FieldSet differences(const Job& one, const Job& other)
{
    FieldSet set;
    for (std::size_t i = 0; i < job_fields.size(); ++i) {
        const auto differ = [&](auto member) { return one.*member != other.*member; };
        set.set(i, std::visit(differ, job_fields[i].member));
    }
    return set;
}

std::vector<std::string> split_words(std::string_view text)
{
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        std::string_view word = text.substr(0, comma);
        text.remove_prefix(std::min(comma + 1, text.size()));
        word.remove_prefix(std::min(word.find_first_not_of(' '), word.size()));
        word = word.substr(0, word.find_last_not_of(' ') + 1);
        if (word.empty() || std::ranges::find(words, word) != words.end()) continue;
        words.emplace_back(word);
    }
    return words;
}

std::string join_words(const std::vector<std::string>& words)
{
    return fmt::format("{}", fmt::join(words, ","));
}

std::vector<std::string> split_lines(std::string_view text)
{
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (end > 0) lines.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

std::string join_lines(const std::vector<std::string>& lines)
{
    return fmt::format("{}", fmt::join(lines, "\n"));
}

std::string join_list(const JobField& field, const std::vector<std::string>& list)
{
    return std::holds_alternative<kind::Lines>(field.kind) ? join_lines(list) : join_words(list);
}

std::vector<std::string> split_list(const JobField& field, std::string_view text)
{
    return std::holds_alternative<kind::Lines>(field.kind) ? split_lines(text) : split_words(text);
}

bool give(JobPatch& patch, const JobField& field, FieldValue value)
{
    if (!assign(field, patch.values, std::move(value))) return false;
    patch.given.set(static_cast<std::size_t>(&field - job_fields.data()));
    return true;
}

Job apply(Job job, const JobPatch& patch)
{
    for (const JobField* field : fields_of(patch.given)) {
        std::visit([&](auto member) { job.*member = patch.values.*member; }, field->member);
    }
    return job;
}

JobPatch patch_of(const Job& job, FieldSet set)
{
    return {apply(Job(), {job, set}), set};
}

std::optional<JobProblem> find_problem(const JobPatch& patch)
{
    for (const JobField* field : fields_of(patch.given)) {
        if (auto what = problem_of(*field, stored_value(*field, patch.values))) {
            return JobProblem{field, *std::move(what)};
        }
    }
    return std::nullopt;
}

}  // namespace peercron
