#pragma once

#include "dispatch/run_life.hpp"
#include "dispatch/term_book.hpp"
#include "term_fixture.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace peercron {

/// A term that has begun, with one job that fires each second.
class BookTest : public ::testing::Test {
protected:
    BookTest()
    {
        jobs_.put(every_second(1), midnight - 1h);
        book_.has_begun = true;
        book_.nodes.add(alpha, now_);
        book_.changes_known_until = midnight;
    }

    static RunId fire(std::chrono::milliseconds after_midnight, int attempt = 1)
    {
        return RunId{1, midnight + after_midnight, attempt};
    }
    /// It has had its row, and is at alpha or, if it is only placed, on its way there.
    OpenRuns::Place open(const RunId& id, RunPhase phase = RunPhase::handed)
    {
        const auto run = book_.runs.open(book_.writer.write(id, jobs_.find(1), now_.wall));
        book_.runs.assign(run, alpha);
        run->second.phase = phase;
        return run;
    }
    PlanStep step() { return book_.draft.take(midnight); }

    DispatchSettings settings_;
    JobTable jobs_{"UTC"};
    Moment now_{midnight, SteadyTime(1h)};
    TermBook book_{7, alpha, settings_, jobs_, now_};
    RunLife life_{book_};
};

}  // namespace peercron
