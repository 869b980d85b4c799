#include "model/backfill.hpp"

#include "model/run_request.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace peercron {

std::string request_of(const Backfill& backfill)
{
    std::string text = fmt::format("backfill {} by {}", backfill.id, backfill.asked_by);
    // In bytes, so that it surely fits; what is cut off is the end of an address.
    text.resize(std::min(text.size(), longest_request));
    return text;
}

bool is_of_backfill(std::string_view requested_by)
{
    constexpr std::string_view beginning = "backfill ";
    if (!requested_by.starts_with(beginning)) return false;
    requested_by.remove_prefix(beginning.size());
    const std::size_t end =
        std::min(requested_by.find_first_not_of("0123456789"), requested_by.size());
    return end > 0 && requested_by.substr(end).starts_with(" by ");
}

std::optional<BackfillOnly> parse_backfill_only(std::string_view word)
{
    const auto* const found = std::ranges::find(backfill_only_words, word);
    if (found == backfill_only_words.end()) return std::nullopt;
    return static_cast<BackfillOnly>(found - backfill_only_words.begin());
}

}  // namespace peercron
