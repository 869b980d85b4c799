#pragma once

#include "base/overloaded.hpp"
#include "model/job_fields.hpp"
#include "model/job_kinds.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace peercron::testing {

/// A value that the field may have, that is not its default and no other field of its type has, so
/// that two that are taken for each other are noticed. `variant` gives another one.
inline FieldValue sample_value(const JobField& field, int variant = 0)
{
    const auto number = (&field - job_fields.data()) * 10 + variant + 2;
    const std::string text = std::string(field.name) + " " + std::to_string(number);
    const auto of_form = [variant](const TextForm* form) -> FieldValue {
        // Both have the form of the other's field.
        std::string sample(form->example);
        if (variant == 0) return sample;
        if (form == &status_form) return "404";
        if (form == &notice_form) return "missed";
        if (form == &clock_form) return "05:30";
        if (form == &calendar_form) return "weekends";
        return form == &exit_codes_form ? "3"
               : form == &retry_form    ? "!2"
               : form == &umask_form    ? "077"
                                        : sample + "2";
    };
    const auto list_of_form = [&](const TextForm* form) -> FieldValue {
        return std::vector{std::get<std::string>(of_form(form))};
    };
    return std::visit(
        Overloaded{
            [&](const kind::Expression&) -> FieldValue {
                return "0 " + std::to_string(number % 60) + " 3 * * *";
            },
            [&](const kind::Zone&) -> FieldValue {
                return variant == 0 ? "Europe/Berlin" : "Asia/Tokyo";
            },
            [&](const kind::Lines& kind) { return list_of_form(kind.form); },
            [&](const kind::Size&) -> FieldValue { return (std::int64_t{number} << 20U) + 1; },
            [&](const kind::Number& kind) -> FieldValue {
                return kind.least < 0 ? std::int64_t{-7 - variant}
                                      : std::min(kind.least + number, kind.most - variant);
            },
            [&](const kind::Words& kind) -> FieldValue {
                if (kind.form != nullptr) return list_of_form(kind.form);
                return std::vector<std::string>{"ä" + text, "second", "it's \"quoted\""};
            },
            [&](const kind::Flag&) -> FieldValue {
                const bool is_usual = std::get<bool>(stored_value(field, Job()));
                return (variant == 0) != is_usual;
            },
            [&](const kind::Moment&) -> FieldValue { return std::int64_t{4'000'000'000} + number; },
            [&](const kind::Choice& kind) -> FieldValue {
                return std::string(kind.words[kind.words.size() - 1 - std::size_t(variant)]);
            },
            [&](const kind::Name&) -> FieldValue { return text; },
            [&](const kind::Command&) -> FieldValue { return "echo '" + text + "'\nä \"x\""; },
            [&](const kind::Text& kind) -> FieldValue {
                if (kind.form != nullptr) return of_form(kind.form);
                return text + " ä\t\\ 'x' \"y\"";
            },
            [&](const kind::Body&) -> FieldValue { return text + "\n ä\t\\ 'x' \"y\"\n"; },
            [&](const kind::Count& kind) -> FieldValue {
                return number <= kind.most ? std::int64_t{number} : kind.most - variant;
            },
            [&](const auto&) -> FieldValue { return std::int64_t{number}; },
        },
        field.kind);
}

/// A job in which every field has its sample.
inline Job sample_job(int variant = 0)
{
    Job job;
    for (const JobField& field : job_fields) assign(field, job, sample_value(field, variant));
    return job;
}

/// The same of the fields that a job of this kind has, and has beside a schedule and without other
/// jobs.
inline Job sample_job_of(JobKind kind, int variant = 0)
{
    Job job;
    for (const JobField& field : job_fields) {
        if (field.member == FieldMember(&Job::run_after)) continue;
        if (field.name.starts_with("requires")) continue;
        if (is_for(field, kind)) assign(field, job, sample_value(field, variant));
    }
    job.kind = kind;
    // As many shards as it has belong to one spread.
    job.spread = kind == JobKind::daemon ? Spread::sticky : Spread::shards;
    return job;
}

}  // namespace peercron::testing
