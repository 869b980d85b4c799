#include "dispatch/historian.hpp"

#include "base/backoff.hpp"

#include <spdlog/spdlog.h>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <string>
#include <vector>

namespace peercron {
namespace {

using namespace std::chrono_literals;

// A new dispatcher has better things to do first.
constexpr auto first_look = 1s;
constexpr std::size_t jobs_at_once = 500;

}  // namespace

void Historian::notice(std::span<const JobId> jobs)
{
    noticed_.insert(jobs.begin(), jobs.end());
    if (!noticed_.empty()) wake_.notify();
}

asio::awaitable<void> Historian::run()
{
    co_await sleep_for(first_look);
    bool all_noticed = false;
    Backoff backoff(co_await asio::this_coro::executor, 1s, 30s);
    for (;;) {
        std::string trouble;
        try {
            if (!all_noticed) co_await notice_all();
            all_noticed = true;
            while (!noticed_.empty()) co_await note_some();
            backoff.reset();
        } catch (const StoreError& error) {
            trouble = error.what();
        }
        if (!trouble.empty()) {
            spdlog::warn("dispatch: the history of the jobs is not complete yet: {}", trouble);
            co_await sleep_for(backoff.next());
        }
        while (all_noticed && noticed_.empty()) co_await wake_.wait();
    }
}

asio::awaitable<void> Historian::notice_all()
{
    const auto read = [](Store& store) { return store.known_jobs(); };
    const std::vector<JobId> jobs = co_await store_.call(read);
    noticed_.insert(jobs.begin(), jobs.end());
}

asio::awaitable<void> Historian::note_some()
{
    std::vector<JobId> some;
    for (const JobId job : noticed_) {
        if (some.size() == jobs_at_once) break;
        some.push_back(job);
    }
    const WallTime now = clock_.now();
    const auto note = [&some, now](Store& store) { return store.note_changes(some, now); };
    const std::size_t noted = co_await store_.call(note);
    for (const JobId job : some) noticed_.erase(job);
    if (noted > 0) {
        spdlog::info(
            "dispatch: the history of {} jobs that were changed in the database itself is "
            "complete again",
            noted);
    }
}

}  // namespace peercron
