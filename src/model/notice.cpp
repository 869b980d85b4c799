#include "model/notice.hpp"

#include <algorithm>

namespace peercron {

std::optional<NoticeKind> parse_notice_word(std::string_view word)
{
    const auto* const found = std::ranges::find(notice_words, word);
    if (found == notice_words.end()) return std::nullopt;
    const auto kind = static_cast<NoticeKind>(found - notice_words.begin());
    switch (kind) {
        case NoticeKind::silent:
        case NoticeKind::flapping:
        case NoticeKind::test:
        case NoticeKind::grouped:
            return std::nullopt;
        default:
            return is_about_cluster(kind) ? std::nullopt : std::optional(kind);
    }
}

}  // namespace peercron
