#include "http/http_metrics.hpp"

#include <string>

namespace peercron {
namespace {

const prometheus::Histogram::BucketBoundaries buckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                      0.1,   0.25,   0.5,   1.0,  2.5,   10.0};

}  // namespace

HttpMetrics::HttpMetrics(prometheus::Registry& registry)
    : requests_(prometheus::BuildCounter()
                    .Name("peercron_http_requests_total")
                    .Help("Requests answered, by route and status code")
                    .Register(registry)),
      durations_(prometheus::BuildHistogram()
                     .Name("peercron_http_request_duration_seconds")
                     .Help("From the request's last byte to the answer's, by route")
                     .Register(registry)),
      connections_(prometheus::BuildGauge()
                       .Name("peercron_http_connections")
                       .Help("Open connections")
                       .Register(registry)
                       .Add({})),
      streams_(prometheus::BuildGauge()
                   .Name("peercron_http_streams")
                   .Help("Connections on which events or output are being sent")
                   .Register(registry)
                   .Add({}))
{}

void HttpMetrics::answered(std::string_view route, unsigned status,
                           std::chrono::steady_clock::duration duration)
{
    const std::string name(route);
    requests_.Add({{"route", name}, {"code", std::to_string(status)}}).Increment();
    durations_.Add({{"route", name}}, buckets)
        .Observe(std::chrono::duration<double>(duration).count());
}

}  // namespace peercron
