#include "api/output_text.hpp"

#include "base/lossy_text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace peercron {
namespace {

constexpr std::size_t longest_text = 64U * 1024U;

/// What OutputCapture has left out.
struct Kept {
    std::string_view head;
    std::string_view tail;
    std::int64_t left_out = 0;
};

/// nullopt: the text is the whole output.
std::optional<Kept> find_mark(std::string_view text, std::int64_t total)
{
    constexpr std::string_view begin = "\n[… ";
    constexpr std::string_view end = " bytes left out …]\n";
    if (static_cast<std::int64_t>(text.size()) == total) return std::nullopt;
    for (std::size_t at = text.find(begin); at != std::string_view::npos;
         at = text.find(begin, at + 1)) {
        const char* const last = text.data() + text.size();
        Kept kept;
        const auto [stop, bad] =
            std::from_chars(text.data() + at + begin.size(), last, kept.left_out);
        const auto rest = static_cast<std::size_t>(stop - text.data());
        if (bad != std::errc() || !text.substr(rest).starts_with(end)) continue;
        kept.head = text.substr(0, at);
        kept.tail = text.substr(rest + end.size());
        if (kept.left_out > 0 && kept.left_out < total) return kept;  // else a command wrote it
    }
    return std::nullopt;
}

std::string_view last_bytes(std::string_view text, std::int64_t count)
{
    const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
    return text.substr(text.size() - std::min(wanted, text.size()));
}

}  // namespace

std::vector<OutputSpan> OutputText::take(const OutputPart& part)
{
    std::vector<OutputSpan> spans;
    if (part.bytes.empty() || part.from < next()) return spans;
    if (part.from > next()) skip(spans, part.from);
    tell(spans, std::exchange(unfinished_, {}) + part.bytes, true);
    return spans;
}

std::vector<OutputSpan> OutputText::take_rest(std::string_view text, std::int64_t total)
{
    std::vector<OutputSpan> spans;
    unfinished_.clear();  // the ledger has it, too
    const auto kept = find_mark(text, total);
    if (!kept) {
        tell(spans, told_ == 0 ? text : last_bytes(text, total - told_), false);
        return spans;
    }
    const auto head_end = static_cast<std::int64_t>(kept->head.size());
    const std::int64_t tail_begin = total - static_cast<std::int64_t>(kept->tail.size());
    if (told_ < head_end) tell(spans, kept->head.substr(static_cast<std::size_t>(told_)), false);
    if (told_ < tail_begin) skip(spans, tail_begin);
    tell(spans, last_bytes(kept->tail, total - told_), false);
    return spans;
}

void OutputText::tell(std::vector<OutputSpan>& spans, std::string_view bytes, bool may_go_on)
{
    while (!bytes.empty()) {
        OutputSpan span;
        span.from = told_;
        const bool is_last = bytes.size() <= longest_text;
        const std::size_t taken =
            append_lossy(span.text, bytes, longest_text, may_go_on || !is_last);
        if (taken == 0) break;
        told_ += static_cast<std::int64_t>(taken);
        bytes.remove_prefix(taken);
        span.to = told_;
        spans.push_back(std::move(span));
    }
    unfinished_ = bytes;
}

void OutputText::skip(std::vector<OutputSpan>& spans, std::int64_t to)
{
    unfinished_.clear();
    spans.push_back({told_, to, ""});
    told_ = to;
}

}  // namespace peercron
