#include "cli/failed_runs.hpp"

#include "cli/answer_fields.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

namespace json = boost::json;

json::object newest_failed(ApiClient& client, const Query& query, std::size_t limit)
{
    std::vector<json::value> rows;
    std::int64_t total = 0;
    for (const std::string_view state : failed_states) {  // the API takes one state at a time
        Query asked = query;
        asked.emplace_back("state", state);
        asked.emplace_back("limit", std::to_string(limit));
        const json::value page = client.get("/log/list", asked);
        for (const json::value& row : rows_of(page)) rows.push_back(row);
        total += AnswerFields(page).number_or("total", 0);
    }
    const auto newer = [](const json::value& left, const json::value& right) {
        return AnswerFields(left).number_or("id", 0) > AnswerFields(right).number_or("id", 0);
    };
    std::sort(rows.begin(), rows.end(), newer);
    if (rows.size() > limit) rows.resize(limit);
    json::array list(rows.begin(), rows.end());
    return {{"list", std::move(list)}, {"total", total}};
}

}  // namespace peercron
