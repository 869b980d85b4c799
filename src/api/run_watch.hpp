#pragma once

#include "store/store.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace peercron {

/// What was read of the ledger to find out which rows are new or have another state.
struct RunNews {
    bool is_beginning = false;    ///< `open` is set; else the two others are
    std::int64_t newest_id = 0;   ///< of the ledger
    std::vector<LogRow> open;     ///< the newest rows that were not final
    std::vector<LogRow> added;    ///< rows after watermark(), from the lowest id
    std::vector<LogRow> watched;  ///< the present rows of open()
    bool is_too_much = false;     ///< one of the lists was longer than could be read
};

/// Finds out which rows of the ledger are new or have another state, by reading it again and again.
/// The ids of rows only grow, in the order in which they become visible (see FollowBook). So there
/// is a watermark, rows up to it of which the open ones are watched one by one, and rows above it.
///
/// More open rows than `most_watched` are not watched: then it begins again with each look.
class RunWatch {
public:
    static constexpr std::size_t most_watched = 2000;

    /// What to read next; nullopt of the watermark: it has to begin.
    std::optional<std::int64_t> watermark() const { return watermark_; }
    std::vector<std::int64_t> open() const;

    /// The rows to tell about; nullopt: there are more than can be told.
    std::optional<std::vector<LogRow>> take(RunNews news);

private:
    std::optional<std::int64_t> watermark_;
    std::map<std::int64_t, RunState> open_;
};

/// Reads what `watch` wants to know.
RunNews read_run_news(Store& store, std::optional<std::int64_t> watermark,
                      const std::vector<std::int64_t>& open);

}  // namespace peercron
