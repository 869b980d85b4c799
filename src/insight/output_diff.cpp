#include "insight/output_diff.hpp"

#include <algorithm>
#include <span>

namespace peercron {
namespace {

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_hexadecimal(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80U;
}

bool is_hash(std::string_view word)
{
    constexpr std::size_t shortest = 8;
    return word.size() >= shortest && std::ranges::all_of(word, is_hexadecimal) &&
           std::ranges::any_of(word, is_digit);
}

struct Line {
    std::string_view text;
    std::string masked;
};

std::vector<Line> lines_of(std::string_view output)
{
    std::vector<Line> lines;
    while (!output.empty()) {
        const auto end = output.find('\n');
        const std::string_view line = output.substr(0, end);
        lines.push_back({line, mask(line)});
        output.remove_prefix(end == std::string_view::npos ? output.size() : end + 1);
    }
    return lines;
}

bool are_same(const Line& one, const Line& other)
{
    return one.masked == other.masked;
}

class DiffWriter {
public:
    void add(DiffPart::Kind kind, const Line& line)
    {
        if (parts_.empty() || parts_.back().kind != kind) parts_.push_back({kind, 0, {}});
        DiffPart& part = parts_.back();
        if (part.lines++ > 0) part.text += '\n';
        part.text += line.text;
    }
    void add(DiffPart::Kind kind, std::span<const Line> lines)
    {
        for (const Line& line : lines) add(kind, line);
    }
    std::vector<DiffPart> take() { return std::move(parts_); }

private:
    std::vector<DiffPart> parts_;
};

using Lines = std::span<const Line>;

/// By the table of the longest common subsequences of what begins at each pair of lines.
void diff(Lines before, Lines after, DiffWriter& writer)
{
    constexpr std::size_t most_pairs = 4'000'000;
    if (before.size() * after.size() > most_pairs) {
        writer.add(DiffPart::Kind::gone, before);
        writer.add(DiffPart::Kind::fresh, after);
        return;
    }
    const std::size_t width = after.size() + 1;
    std::vector<std::uint32_t> longest((before.size() + 1) * width);
    for (std::size_t i = before.size(); i-- > 0;) {
        for (std::size_t j = after.size(); j-- > 0;) {
            longest[i * width + j] =
                are_same(before[i], after[j])
                    ? longest[(i + 1) * width + j + 1] + 1
                    : std::max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
        }
    }
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < before.size() && j < after.size()) {
        if (are_same(before[i], after[j])) {
            writer.add(DiffPart::Kind::same, after[j]);
            ++i;
            ++j;
        } else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
            writer.add(DiffPart::Kind::gone, before[i++]);
        } else {
            writer.add(DiffPart::Kind::fresh, after[j++]);
        }
    }
    writer.add(DiffPart::Kind::gone, before.subspan(i));
    writer.add(DiffPart::Kind::fresh, after.subspan(j));
}

}  // namespace

std::string mask(std::string_view line)
{
    std::string masked;
    for (std::size_t at = 0; at < line.size();) {
        if (!is_word(line[at])) {
            masked += line[at++];
            continue;
        }
        std::size_t end = at;
        while (end < line.size() && is_word(line[end])) ++end;
        const std::string_view word = line.substr(at, end - at);
        at = end;
        if (is_hash(word)) {
            masked += '#';
            continue;
        }
        for (std::size_t i = 0; i < word.size(); ++i) {
            if (!is_digit(word[i])) {
                masked += word[i];
            } else if (i == 0 || !is_digit(word[i - 1])) {
                masked += '#';
            }
        }
    }
    return masked;
}

std::vector<DiffPart> diff_outputs(std::string_view old_output, std::string_view new_output)
{
    const std::vector<Line> before = lines_of(old_output);
    const std::vector<Line> after = lines_of(new_output);
    const std::size_t shorter = std::min(before.size(), after.size());
    std::size_t head = 0;
    while (head < shorter && are_same(before[head], after[head])) ++head;
    std::size_t tail = 0;
    while (tail < shorter - head &&
           are_same(before[before.size() - 1 - tail], after[after.size() - 1 - tail])) {
        ++tail;
    }
    const Lines old_lines(before);
    const Lines new_lines(after);
    DiffWriter writer;
    writer.add(DiffPart::Kind::same, new_lines.first(head));
    diff(old_lines.subspan(head, before.size() - head - tail),
         new_lines.subspan(head, after.size() - head - tail), writer);
    writer.add(DiffPart::Kind::same, new_lines.last(tail));
    return writer.take();
}

}  // namespace peercron
