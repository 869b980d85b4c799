#include "store/policy_text.hpp"

#include "base/utf8.hpp"

#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>

namespace peercron {

using namespace std::chrono_literals;

void warn_of_unknown_policy(JobId job, std::string_view member, std::string_view text,
                            std::string_view taken, const std::string& allowed)
{
    // Rows are read again and again, and there may be many of them.
    thread_local std::optional<std::chrono::steady_clock::time_point> told;
    const auto now = std::chrono::steady_clock::now();
    if (told && now - *told < 1min) return;
    told = now;
    spdlog::warn("store: job {} has {} {}, which counts as {}; allowed: {}", job, member,
                 quote_utf8(text), taken, allowed);
}

}  // namespace peercron
