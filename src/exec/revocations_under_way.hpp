#pragma once

#include "model/run.hpp"

#include <functional>
#include <vector>

namespace peercron {

/// Revocations whose answer waits, because the commands of some of their runs are just being
/// started on threads: who has heard the answer may rely on it that no run starts after it.
///
/// Lives on one thread.
class RevocationsUnderWay {
public:
    /// Takes the runs that will not start here.
    using Answer = std::function<void(std::vector<RunId>)>;

    /// `starting` decides itself later. Answers at once if that is nothing.
    void add(std::vector<RunId> revoked, std::vector<RunId> starting, Answer answer);

    bool wait_for(const RunId& run) const;

    /// The command of this run has been started, or could not be.
    void started(const RunId& run) { decide(run, false); }

    /// It could not be, and will not be later.
    void taken_back(const RunId& run) { decide(run, true); }

private:
    struct Revocation {
        std::vector<RunId> revoked;
        std::vector<RunId> starting;
        Answer answer;
    };

    void decide(const RunId& run, bool is_revoked);

    std::vector<Revocation> revocations_;  // mostly none
};

}  // namespace peercron
