#pragma once

#include "audit/audit.hpp"
#include "base/clock.hpp"
#include "dispatch/dispatcher.hpp"
#include "store/store_pool.hpp"

#include <chrono>
#include <optional>
#include <vector>

namespace peercron {

/// The dispatcher's own audit of the time behind it, once per interval: what it finds is a metric
/// and a line of the log. Nobody waits for it, so it leaves the store four fifths of the time.
/// Lives on the I/O thread.
class SelfAudit {
public:
    /// @param interval how often, and how much time is audited; more than 0.
    SelfAudit(const Clock& clock, StorePool& store, Dispatcher::Metrics& metrics, AuditRules rules,
              std::chrono::milliseconds interval)
        : clock_(clock),
          store_(store),
          metrics_(metrics),
          rules_(std::move(rules)),
          interval_(interval)
    {}

    /// The first one is some minutes after the term began, so that it shows what the change of
    /// dispatcher did. Ends only by cancellation.
    asio::awaitable<void> run();

    /// What the newest audit of this term found; nullopt: there was none yet.
    const std::optional<AuditNews>& news() const { return news_; }

private:
    asio::awaitable<void> audit();
    asio::awaitable<void> step(Audit& audit);
    void tell(const AuditReport& report, const std::vector<Finding>& first);

    const Clock& clock_;
    StorePool& store_;
    Dispatcher::Metrics& metrics_;
    const AuditRules rules_;
    const std::chrono::milliseconds interval_;
    std::optional<AuditNews> news_;
};

}  // namespace peercron
