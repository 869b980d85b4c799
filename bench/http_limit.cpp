// http_limit bare|executor URL COUNT AT_ONCE: sends COUNT requests, AT_ONCE at a time, and prints
// how many it manages in a second: by the least that libcurl's multi interface needs, or by the
// Executor.

#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "exec/executor.hpp"
#include "http_client/http_client.hpp"
#include "stopwatch.hpp"

#include <curl/curl.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron::bench {
namespace {

struct Took {
    double wall_s = 0;
    double cpu_s = 0;
};

std::size_t ignore(char*, std::size_t, std::size_t size, void*)
{
    return size;
}

/// Its handles are used again, and so are its connections.
Took run_bare(const std::string& url, std::size_t count, std::size_t at_once)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM* const multi = curl_multi_init();
    const Stopwatch watch;
    std::size_t begun = 0;
    std::size_t ended = 0;
    std::vector<CURL*> handles;
    for (; begun < std::min(count, at_once); ++begun) {
        CURL* const easy = curl_easy_init();
        curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &ignore);
        curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
        curl_multi_add_handle(multi, easy);
        handles.push_back(easy);
    }
    while (ended < count) {
        int running = 0;
        curl_multi_perform(multi, &running);
        int left = 0;
        while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
            CURL* const easy = message->easy_handle;
            long status = 0;
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            if (status != 200) throw std::runtime_error("a request failed");
            curl_multi_remove_handle(multi, easy);
            ++ended;
            if (begun == count) continue;
            ++begun;
            curl_multi_add_handle(multi, easy);
        }
        if (ended < count) curl_multi_poll(multi, nullptr, 0, 1000, nullptr);
    }
    const Took took{watch.wall(), watch.cpu()};
    for (CURL* easy : handles) curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
    return took;
}

/// Those of the jobs from `first` on.
RunOrders orders(const std::string& url, std::size_t first, std::size_t count, WallTime now)
{
    Job job;
    job.kind = JobKind::http;
    job.http_url = url;
    const NodeFields fields = NodeFields::of(job);
    RunOrders message;
    for (std::size_t run = first; run < first + count; ++run) {
        RunOrder order;
        order.id = RunId{static_cast<JobId>(run), now, 1};
        order.fields = fields;
        order.timeout = std::chrono::seconds(30);
        order.start_at = now;
        order.start_by = now + std::chrono::minutes(10);
        order.epoch = 1;
        message.orders.push_back(std::move(order));
    }
    return message;
}

/// What waits on its connections would keep the context busy.
asio::awaitable<void> end_with(TaskGroup& tasks, HttpClient& client)
{
    co_await tasks.join();
    client.close();
}

asio::awaitable<void> beat(Executor& executor)
{
    for (;;) {
        executor.dispatcher_heard(1);
        co_await sleep_for(std::chrono::milliseconds(100));
    }
}

Took run_executor(const std::string& url, std::size_t count, std::size_t at_once)
{
    asio::io_context io(1);
    const SystemClock clock;
    ExecSettings settings;
    settings.node = "127.0.0.1:9991";
    settings.rules.http_slots = at_once;
    HttpClientSettings of_client;
    of_client.idle_connections = at_once;  // as the node has it
    HttpClient client(io.get_executor(), of_client);
    // As a dispatcher does: before the node runs out of them, not all at once.
    const std::size_t message = 2 * at_once;
    std::size_t given = 0;
    std::size_t ended = 0;
    std::function<void()> give_some;
    Took took;
    const Stopwatch watch;
    TaskGroup tasks(io.get_executor());
    const auto on_report = [&](const RunReport& report) {
        if (!is_final(report.state)) return;
        if (report.state != RunState::success) {
            throw std::runtime_error("a run ended otherwise: " + to_string(report.reason));
        }
        ++ended;
        if (given < count && given - ended == message) asio::post(io, give_some);
        if (ended < count) return;
        took = {watch.wall(), watch.cpu()};
        tasks.cancel();
    };
    Executor executor(io.get_executor(), clock, settings, on_report, nullptr, nullptr, &client);
    tasks.spawn("executor", executor.run());
    tasks.spawn("beat", beat(executor));
    give_some = [&] {
        const std::size_t more = std::min(count - given, message);
        executor.accept(orders(url, given, more, clock.now()));
        given += more;
    };
    give_some();
    give_some();
    asio::co_spawn(io, end_with(tasks, client), asio::detached);
    io.run();  // as the node does: Asio keeps memory for the next handlers only from within
    return took;
}

}  // namespace
}  // namespace peercron::bench

int main(int count, char** arguments)
{
    using namespace peercron::bench;
    try {
        if (count != 5) throw std::runtime_error("http_limit bare|executor URL COUNT AT_ONCE");
        const std::string_view kind = arguments[1];
        const std::string url = arguments[2];
        const auto requests = static_cast<std::size_t>(std::atol(arguments[3]));
        const auto at_once = static_cast<std::size_t>(std::atol(arguments[4]));
        const auto run = kind == "bare" ? &run_bare : &run_executor;
        const auto took = run(url, requests, at_once);
        std::printf("{\"per_s\": %.1f, \"cpu_us_each\": %.2f}\n",
                    static_cast<double>(requests) / took.wall_s,
                    1e6 * took.cpu_s / static_cast<double>(requests));
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "http_limit: %s\n", error.what());
        return 1;
    }
}
