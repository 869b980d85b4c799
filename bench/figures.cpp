#include "figures.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

namespace peercron::bench {
namespace {

constexpr std::size_t narrowest = 8;

std::string text_of(const boost::json::value& figure)
{
    if (figure.is_double()) return fmt::format("{}", figure.get_double());
    if (figure.is_string()) return std::string(figure.get_string());
    return boost::json::serialize(figure);
}

}  // namespace

void Figures::add(std::string_view table, const boost::json::object& row)
{
    if (!tables_.contains(table)) tables_[table] = boost::json::array();
    tables_[table].as_array().push_back(row);

    std::string header = fmt::format("\n{}\n", table);
    std::string line;
    for (const auto& [name, figure] : row) {
        const std::size_t width = std::max(name.size(), narrowest);
        header += fmt::format("  {:>{}}", std::string_view(name), width);
        line += fmt::format("  {:>{}}", text_of(figure), width);
    }
    if (header != last_header_) fmt::print("{}\n", header);
    last_header_ = header;
    fmt::print("{}\n", line);
    std::fflush(stdout);
}

double rounded(double figure)
{
    if (figure == 0 || !std::isfinite(figure)) return figure;
    const double digits = std::max(0.0, 2 - std::floor(std::log10(std::abs(figure))));
    const double scale = std::pow(10.0, digits);
    return std::round(figure * scale) / scale;
}

}  // namespace peercron::bench
