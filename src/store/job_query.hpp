#pragma once

#include "store/lists.hpp"
#include "store/store.hpp"

#include <string>
#include <string_view>

namespace peercron {

// What the queries for lists of jobs have in common in all databases.

/// The term " AND …" for a condition on table cron that leaves jobs in this state.
/// @param log table log, with a hint for the index by state where the database needs one.
std::string state_terms(JobState state, std::string_view log);

/// " ORDER BY …" of JobFilter, for a query of cron LEFT JOIN cron_counter.
/// @param log as for state_terms().
std::string order_terms(const JobFilter& filter, std::string_view log);

/// The query for read_state_counts().
/// @param log as for state_terms().
std::string select_state_counts(std::string_view log);

template <class Row>
StateCounts read_state_counts(const Row& row)
{
    StateCounts counts;
    counts.total = row.integer(0);
    counts.stopped = row.integer(1);
    counts.failing = row.integer(2);
    counts.missed = row.integer(3);
    counts.ok = row.integer(4);
    counts.fresh = row.integer(5);
    counts.running = row.integer(6);
    return counts;
}

}  // namespace peercron
