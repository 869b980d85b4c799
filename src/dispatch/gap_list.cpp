#include "dispatch/gap_list.hpp"

#include <utility>

namespace peercron {

void GapList::add(WallTime fire, std::optional<std::string> excluded)
{
    if (gaps_.empty() || gaps_.back().excluded != excluded) {
        if (gaps_.size() == most_gaps) join_oldest();
        Gap gap;
        gap.job = job_;
        gap.first = fire;
        gap.excluded = std::move(excluded);
        gaps_.push_back(std::move(gap));
    }
    Gap& gap = gaps_.back();
    gap.last_but_one = gap.last;
    gap.last = fire;
    ++gap.fires;
}

/// The first two.
void GapList::join_oldest()
{
    Gap first = std::move(gaps_.front());
    gaps_.erase(gaps_.begin());
    Gap& joined = gaps_.front();
    if (joined.fires == 1) joined.last_but_one = first.last;
    joined.first = first.first;
    joined.fires += first.fires;
    joined.excluded.reset();
}

std::vector<Gap> GapList::take()
{
    return std::exchange(gaps_, {});
}

Gap GapList::take_whole()
{
    while (gaps_.size() > 1) join_oldest();
    Gap gap = std::move(gaps_.front());
    gaps_.clear();
    return gap;
}

}  // namespace peercron
