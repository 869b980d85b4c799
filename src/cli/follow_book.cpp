#include "cli/follow_book.hpp"

#include "cli/answer_fields.hpp"
#include "model/run.hpp"

#include <algorithm>

namespace peercron {
namespace {

std::int64_t id_of(const boost::json::value& row)
{
    return AnswerFields(row).number_or("id", 0);
}

/// A state that this program does not know is taken for a final one, so that it is shown.
bool has_ended(const boost::json::value& row)
{
    const auto state = parse_run_state(AnswerFields(row).text("state"));
    return !state || is_final(*state);
}

}  // namespace

void FollowBook::watch(const boost::json::array& rows)
{
    for (const auto& row : rows) {
        if (id_of(row) <= watermark_ && !has_ended(row)) open_.insert(id_of(row));
    }
}

FollowBook::Rows FollowBook::add_new(const boost::json::array& rows)
{
    Rows ended;
    for (const auto& row : rows) {
        const std::int64_t id = id_of(row);
        if (id <= watermark_) continue;
        watermark_ = id;
        if (has_ended(row)) {
            ended.push_back(row);
        } else {
            open_.insert(id);
        }
    }
    return ended;
}

FollowBook::Rows FollowBook::add_watched(std::span<const std::int64_t> asked,
                                         const boost::json::array& rows)
{
    Rows ended;
    std::set<std::int64_t> still_open;
    for (const auto& row : rows) {
        if (!has_ended(row)) {
            still_open.insert(id_of(row));
        } else if (open_.contains(id_of(row))) {
            ended.push_back(row);
        }
    }
    for (const std::int64_t id : asked) {
        if (!still_open.contains(id)) open_.erase(id);
    }
    std::sort(ended.begin(), ended.end(),
              [](const auto& left, const auto& right) { return id_of(left) < id_of(right); });
    return ended;
}

}  // namespace peercron
