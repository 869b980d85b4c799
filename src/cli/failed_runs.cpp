#include "cli/failed_runs.hpp"

#include "cli/answer_fields.hpp"
#include "model/missed.hpp"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

namespace json = boost::json;

namespace {

/// The newest rows that any of the queries finds. No row is found by two of them.
json::object newest_of(ApiClient& client, std::span<const Query> queries, std::size_t limit)
{
    std::vector<json::value> rows;
    std::int64_t total = 0;
    for (Query query : queries) {
        query.emplace_back("limit", std::to_string(limit));
        const json::value page = client.get("/log/list", query);
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

/// The API takes one state at a time.
std::vector<Query> of_states(const Query& query, std::span<const std::string_view> states)
{
    std::vector<Query> queries;
    for (const std::string_view state : states) {
        queries.push_back(query);
        queries.back().emplace_back("state", state);
    }
    return queries;
}

Query of_missed(Query query)
{
    query.emplace_back("missed", "1");
    return query;
}

}  // namespace

bool has_failed(const json::value& row)
{
    const std::string state = AnswerFields(row).text("state");
    return std::find(failed_states.begin(), failed_states.end(), state) != failed_states.end();
}

bool is_missed(const json::value& row)
{
    const AnswerFields run(row);
    const auto state = parse_run_state(run.text("state"));
    return state &&
           missed_word(*state, parse_reason(run.text("reason")).cause, Delivery::at_most_once);
}

json::object newest_failed_or_missed(ApiClient& client, const Query& query, std::size_t limit)
{
    std::vector<Query> queries = of_states(query, failed_states);
    queries.push_back(of_missed(query));
    queries.back().emplace_back("state", to_string(RunState::skipped));  // lost ones have failed
    return newest_of(client, queries, limit);
}

json::object newest_failed(ApiClient& client, const Query& query, std::size_t limit)
{
    std::vector<std::string_view> states(failed_states.begin(), failed_states.end());
    std::erase(states, to_string(RunState::lost));
    return newest_of(client, of_states(query, states), limit);
}

json::object newest_missed(ApiClient& client, const Query& query, std::size_t limit)
{
    const std::vector<Query> queries{of_missed(query)};
    return newest_of(client, queries, limit);
}

}  // namespace peercron
