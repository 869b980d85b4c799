#pragma once

#include "cli/screen.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

struct Column {
    std::string title;
    bool right = false;    ///< numbers: flush right
    bool may_cut = false;  ///< gives way when the terminal is too narrow
};

struct Cell {
    std::string text;
    Colour colour = Colour::none;
};

/// A table for people: as wide as its contents, but not wider than the terminal: the widest columns
/// that may be cut are cut. A column without any content is left out, and so is everything in a
/// cell that would break the line or talk to the terminal.
class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// @param row as many cells as there are columns.
    void add(std::vector<Cell> row);

    bool empty() const { return rows_.empty(); }

    /// The lines, the titles first.
    std::string text(const Screen& screen) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

/// Names and values below one another, for one thing in detail; those without a value are left out.
using Details = std::vector<std::pair<std::string, Cell>>;
std::string details_text(const Details& details, const Screen& screen);

}  // namespace peercron
