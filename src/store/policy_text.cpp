#include "store/policy_text.hpp"

#include "base/utf8.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>
#include <string>
#include <variant>

namespace peercron {

using namespace std::chrono_literals;

void read_choice(const JobField& field, Job& job, std::string_view word)
{
    if (assign(field, job, std::string(word))) return;
    // Rows are read again and again, and there may be many of them.
    thread_local std::optional<std::chrono::steady_clock::time_point> told;
    const auto now = std::chrono::steady_clock::now();
    if (told && now - *told < 1min) return;
    told = now;
    spdlog::warn("store: job {} has {} {}, which counts as {}; allowed: {}", job.id, field.name,
                 quote_utf8(word), std::get<std::string>(stored_value(field, job)),
                 fmt::join(std::get<kind::Choice>(field.kind).words, ", "));
}

}  // namespace peercron
