#pragma once

#include "base/overloaded.hpp"
#include "model/job_fields.hpp"

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
    return std::visit(
        Overloaded{
            [&](const kind::Expression&) -> FieldValue {
                return "0 " + std::to_string(number % 60) + " 3 * * *";
            },
            [&](const kind::Zone&) -> FieldValue {
                return variant == 0 ? "Europe/Berlin" : "Asia/Tokyo";
            },
            [&](const kind::Words& kind) -> FieldValue {
                if (!kind.finds_jobs()) {
                    return std::vector<std::string>{"timeout", std::to_string(number % 200), "!2"};
                }
                return std::vector<std::string>{"ä" + text, "second", "it's \"quoted\""};
            },
            [&](const kind::Count& kind) -> FieldValue {
                return std::int64_t{number <= kind.most ? number : number % kind.most};
            },
            [&](const kind::Flag&) -> FieldValue { return variant == 0; },
            [&](const kind::Moment&) -> FieldValue { return std::int64_t{4'000'000'000} + number; },
            [&](const kind::Choice& kind) -> FieldValue {
                return std::string(kind.words[kind.words.size() - 1 - std::size_t(variant)]);
            },
            [&](const kind::Name&) -> FieldValue { return text; },
            [&](const kind::Command&) -> FieldValue { return "echo '" + text + "'\nä \"x\""; },
            [&](const kind::Text&) -> FieldValue { return text + " ä\t\\ 'x' \"y\""; },
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

}  // namespace peercron::testing
