#pragma once

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace peercron::bench {

/// What was measured: tables of rows. A figure's name says its unit ("cpu_us_per_spawn").
///
/// Each row is printed as it is added, and all of them are one JSON object in the end:
/// {"table": [{"figure": 1.5, …}, …], …}.
class Figures {
public:
    void add(std::string_view table, const boost::json::object& row);

    const boost::json::object& all() const { return tables_; }

private:
    boost::json::object tables_;
    std::string last_header_;
};

/// Three significant digits, and no fewer than the whole part.
double rounded(double figure);

}  // namespace peercron::bench
