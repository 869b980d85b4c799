#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <chrono>
#include <string_view>

namespace peercron {

/// How the API is used. Several servers may share a registry: the figures are of all of them.
class HttpMetrics {
public:
    explicit HttpMetrics(prometheus::Registry& registry);

    /// A request was answered; `route` is a pattern, so that the number of series stays small.
    void answered(std::string_view route, unsigned status,
                  std::chrono::steady_clock::duration duration);
    void opened() { connections_.Increment(); }
    void closed() { connections_.Decrement(); }
    void stream_opened() { streams_.Increment(); }
    void stream_closed() { streams_.Decrement(); }

private:
    prometheus::Family<prometheus::Counter>& requests_;
    prometheus::Family<prometheus::Histogram>& durations_;
    prometheus::Gauge& connections_;
    prometheus::Gauge& streams_;
};

}  // namespace peercron
