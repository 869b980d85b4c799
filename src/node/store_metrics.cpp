#include "node/store_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include <chrono>

namespace peercron {

void measure(StorePool& store, const std::string& use, prometheus::Registry& metrics)
{
    const prometheus::Histogram::BucketBoundaries bounds{0.001, 0.0025, 0.005, 0.01, 0.025,
                                                         0.05,  0.1,    0.25,  1,    10};
    auto& seconds = prometheus::BuildHistogram()
                        .Name("peercron_store_seconds")
                        .Help("Time of a call of the store, by what it is for")
                        .Register(metrics)
                        .Add({{"use", use}}, bounds);
    auto& errors = prometheus::BuildCounter()
                       .Name("peercron_store_errors_total")
                       .Help("Calls that the store failed, by what they were for")
                       .Register(metrics)
                       .Add({{"use", use}});
    store.observe([&seconds, &errors](std::chrono::steady_clock::duration took, bool failed) {
        seconds.Observe(std::chrono::duration<double>(took).count());
        if (failed) errors.Increment();
    });
}

}  // namespace peercron
