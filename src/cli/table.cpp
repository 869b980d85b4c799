#include "cli/table.hpp"

#include "cli/text_width.hpp"

#include <algorithm>
#include <numeric>

namespace peercron {
namespace {

constexpr std::size_t gap = 2;        // columns between two
constexpr std::size_t least_cut = 8;  // a column is not cut below this

/// Takes from the widest of those that may be cut until the sum fits or none is left to take from.
void shrink(std::vector<std::size_t>& widths, const std::vector<bool>& may_cut, std::size_t room)
{
    std::size_t sum = std::accumulate(widths.begin(), widths.end(), std::size_t{0});
    while (sum > room) {
        std::size_t widest = widths.size();
        for (std::size_t i = 0; i < widths.size(); ++i) {
            if (!may_cut[i] || widths[i] <= least_cut) continue;
            if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
        }
        if (widest == widths.size()) return;
        --widths[widest];
        --sum;
    }
}

std::string padding(std::size_t count)
{
    return std::string(count, ' ');
}

}  // namespace

void Table::add(std::vector<Cell> row)
{
    for (Cell& cell : row) cell.text = one_line(cell.text);
    row.resize(columns_.size());
    rows_.push_back(std::move(row));
}

std::string Table::text(const Screen& screen) const
{
    std::vector<std::size_t> shown;
    std::vector<std::size_t> widths;
    std::vector<bool> may_cut;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        std::size_t width = 0;
        for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
        if (width == 0) continue;
        shown.push_back(i);
        widths.push_back(std::max(width, display_width(columns_[i].title)));
        may_cut.push_back(columns_[i].may_cut);
    }
    if (screen.width && !shown.empty()) {
        const std::size_t gaps = gap * (shown.size() - 1);
        shrink(widths, may_cut, *screen.width > gaps ? *screen.width - gaps : 0);
    }
    std::string all;
    const auto append = [&](std::size_t at, const std::string& content, Colour colour) {
        const std::string fitting = cut_to_width(content, widths[at]);
        const std::string pad = padding(widths[at] - display_width(fitting));
        const bool right = columns_[shown[at]].right;
        if (right) all += pad;
        all += painted(screen, colour, fitting);
        if (at + 1 == shown.size()) return;
        if (!right) all += pad;
        all += padding(gap);
    };
    const auto end_line = [&all] {
        all.erase(all.find_last_not_of(' ') + 1);
        all += '\n';
    };
    for (std::size_t i = 0; i < shown.size(); ++i)
        append(i, columns_[shown[i]].title, Colour::bold);
    if (!shown.empty()) end_line();
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < shown.size(); ++i) {
            append(i, row[shown[i]].text, row[shown[i]].colour);
        }
        end_line();
    }
    return all;
}

std::string details_text(const Details& details, const Screen& screen)
{
    std::size_t width = 0;
    for (const auto& [name, value] : details) {
        if (!value.text.empty()) width = std::max(width, display_width(name));
    }
    std::string all;
    for (const auto& [name, value] : details) {
        if (value.text.empty()) continue;
        all += painted(screen, Colour::bold, name);
        all += padding(width - display_width(name) + gap);
        all += painted(screen, value.colour, one_line(value.text));
        all += '\n';
    }
    return all;
}

}  // namespace peercron
