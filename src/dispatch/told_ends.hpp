#pragma once

#include "model/run.hpp"

#include <functional>
#include <map>
#include <optional>

namespace peercron {

/// How runs ended, as their nodes have told this dispatcher, as long as something may follow from
/// it: a further attempt, the fire of a job that runs after others, the next start of a daemon.
///
/// A node tells the dispatcher of an end at once and the store a little later, and it may die in
/// between. Then the run is lost, for all that the ledger knows, and whatever had followed from its
/// end would follow from nothing. So who acts on such an end takes it from here and writes it in
/// the same step (RunLife::write_end()). Plain memory; one thread.
class ToldEnds {
public:
    void add(const RunReport& end);
    /// Takes it out; nullopt: it is in a step already, or in the ledger.
    std::optional<RunReport> take(const RunId& run);
    /// Nothing follows from it: the run counts as lost.
    void forget(const RunId& run) { ends_.erase(run); }
    /// From the ends of the others nothing follows any more.
    void keep(const std::function<bool(const RunId&)>& is_needed);

private:
    std::map<RunId, RunReport> ends_;
};

}  // namespace peercron
