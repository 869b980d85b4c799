#include "api/output_text.hpp"
#include "base/lossy_text.hpp"
#include "base/utf8.hpp"
#include "base/visible_text.hpp"
#include "fuzzers.hpp"
#include "insight/output_diff.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

namespace peercron::fuzz {
namespace {

void check_visible(std::string_view bytes)
{
    for (const Breaks breaks : {Breaks::keep, Breaks::to_spaces, Breaks::indent}) {
        const std::string seen = visible_text(bytes, breaks);
        for (std::string_view rest = seen; !rest.empty();) {
            const Utf8Character character = first_character(rest);
            const bool is_break = rest.front() == '\n' || rest.front() == '\t';
            if (character.length == 0) {
                promise(static_cast<unsigned char>(rest.front()) >= 0xA0,
                        "no byte is a control of 8 bits");
            } else if (is_break) {
                promise(breaks != Breaks::to_spaces, "breaks become spaces");
            } else {
                promise(!is_made_visible(character.code), "nothing steers a terminal");
            }
            rest.remove_prefix(std::max<std::size_t>(character.length, 1));
        }
        promise(visible_text(seen, Breaks::keep) == seen, "a harmless text stays as it is");
    }
}

void check_lossy(std::string_view bytes)
{
    std::string text;
    promise(append_lossy(text, bytes, std::string::npos, false) == bytes.size(),
            "all bytes are taken");
    promise(is_utf8(text) && text.find('\0') == std::string::npos, "stores take the text");
    promise(text.size() == lossy_size(bytes), "the size is known before");

    std::string in_parts;
    for (std::string_view rest = bytes; !rest.empty();) {
        const std::size_t taken = append_lossy(in_parts, rest, in_parts.size() + 7, false);
        if (taken == 0) break;
        rest.remove_prefix(taken);
    }
}

/// As a reader gets it that reads one part, goes, and comes back for the rest.
void check_spans(std::string_view bytes)
{
    OutputText reader(0);
    std::int64_t told = 0;
    const auto check = [&told](const std::vector<OutputSpan>& spans) {
        for (const OutputSpan& span : spans) {
            promise(span.from == told && span.to > span.from, "spans follow each other");
            promise(is_utf8(span.text), "a span is text");
            told = span.to;
        }
    };
    const auto total = static_cast<std::int64_t>(bytes.size());
    const std::size_t half = bytes.size() / 2;
    check(reader.take({.is_there = true,
                       .from = 0,
                       .total = total,
                       .bytes = std::string(bytes.substr(0, half))}));
    check(reader.take({.is_there = true,
                       .from = reader.next(),
                       .total = total,
                       .bytes = std::string(bytes.substr(half))}));
    promise(reader.told() == told, "what was told is known");
}

std::size_t count_lines(std::string_view text)
{
    return text.empty() ? 0
                        : static_cast<std::size_t>(std::ranges::count(text, '\n')) +
                              (text.ends_with('\n') ? 0 : 1);
}

void check_diff(std::string_view bytes)
{
    const std::size_t middle = std::min(bytes.find('\f'), bytes.size());
    const std::string_view before = bytes.substr(0, middle);
    const std::string_view after = middle == bytes.size() ? before : bytes.substr(middle + 1);
    std::size_t gone = 0;
    std::size_t fresh = 0;
    for (const DiffPart& part : diff_outputs(before, after)) {
        if (part.kind != DiffPart::Kind::fresh) gone += part.lines;
        if (part.kind != DiffPart::Kind::gone) fresh += part.lines;
        promise(part.lines > 0, "no part is empty");
    }
    promise(gone == count_lines(before), "each old line is in one part");
    promise(fresh == count_lines(after), "each new line is in one part");
    promise(mask(before).size() <= before.size(), "a mask is not longer");
}

}  // namespace

/// Outputs of commands; two of them with a form feed between.
void fuzz_output(std::string_view bytes)
{
    check_visible(bytes);
    check_lossy(bytes);
    check_spans(bytes);
    check_diff(bytes);
}

}  // namespace peercron::fuzz
