#pragma once

#include "api/run_output.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/task_group.hpp"
#include "cluster/coordinator.hpp"
#include "http/access.hpp"
#include "http/budget.hpp"
#include "http/router.hpp"
#include "http/stream.hpp"
#include "model/job.hpp"
#include "model/node_load.hpp"
#include "model/notice_channel.hpp"
#include "model/notice_defaults.hpp"
#include "model/pause.hpp"
#include "model/send_report.hpp"
#include "store/store_pool.hpp"

#include <prometheus/registry.h>
#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

class AccessBook;
class OidcProvider;

/// A job that was added, changed or deleted.
struct ChangedJob {
    JobId id = 0;
    std::string name;  ///< empty: it has none, or is deleted
    bool is_deleted = false;
};
/// The changes of the jobs, as this node has seen them; they are numbered.
struct JobNews {
    std::uint64_t through = 0;                    ///< the newest change
    std::optional<std::vector<ChangedJob>> jobs;  ///< nullopt: more than are remembered
};

/// What the calls of the API work with. Outlives the routers and servers that use it; everything
/// is called on the I/O thread.
struct ApiContext {
    StorePool& store;  ///< of the API's own, so that a slow list stands in nobody's way
    const Clock& clock;
    const Coordinator& coordinator;
    Budget& budget;    ///< of long answers
    Streams& streams;  ///< all that are open at this node
    TaskGroup& tasks;  ///< for what goes on when a call is answered; joined before the rest ends
    AccessBook& access;
    OidcProvider* oidc = nullptr;  ///< by which people sign in, too; nullptr: none

    /// Tells the dispatcher that these jobs, or without any the pauses or backfills, were changed;
    /// completes when what was handed out before is revoked. An error, or an exception: nobody has
    /// confirmed it.
    std::function<asio::awaitable<Result<void>>(std::vector<JobId>)> announce;

    /// Has the dispatcher run a job now, or end a run, on a person's request. Errors and exceptions
    /// as above.
    std::function<asio::awaitable<Result<RunId>>(JobId, std::string requested_by)> run_now;
    std::function<asio::awaitable<Result<RunId>>(RunId, std::string requested_by)> retry_run;
    std::function<asio::awaitable<Result<void>>(RunId, Reason why)> end_run;

    /// The way to the outputs of the runs of a node.
    std::function<std::unique_ptr<RunOutput>(const NodeName& node)> output_at;
    /// Sends a test to a channel, once, from this node.
    std::function<asio::awaitable<SendReport>(NoticeChannel)> test_channel;

    /// Why no node would run such a job, as far as that is known before it is due. Thread-safe; may
    /// block.
    std::function<std::optional<std::string>(const Job&)> refusal;

    std::function<JobNews(std::uint64_t after)> job_news;  ///< the changes after that one
    std::function<std::size_t()> jobs_known;  ///< how many jobs there are, as of the last news
    std::function<const Pauses&()> pauses;    ///< as of the last news; some may be over
    std::size_t max_jobs = 500'000;           ///< no more may be added
    std::size_t max_output = 1U << 20U;       ///< bytes of a run's output that are kept
    std::size_t job_metrics = 0;              ///< at most this many are in /metrics/jobs; 0: off

    std::function<std::vector<NodeLoad>()> loads;  ///< the last news of all nodes
    std::function<Epoch()> epoch;  ///< the newest epoch that this node has seen, 0 = none
    /// Set when the store failed when it was last asked.
    std::function<std::optional<StorePool::Trouble>()> store_trouble;
    /// "ok", or what is to be said about this node's clock.
    std::function<std::string()> clock_state;
    std::function<std::string_view()> journal;  ///< a word of /openapi.json's schema Health
    /// When the first of the node's certificates ends; nullopt: there is none.
    std::function<std::optional<WallTime>()> certificate_expiry;
    /// Why no calls should be sent to this node now, for people; "" = they may be sent.
    std::function<std::string()> not_ready;

    std::shared_ptr<prometheus::Registry> metrics;
    std::string node;     ///< this node's name
    std::string version;  ///< of this program
    std::string default_time_zone = "UTC";
    NoticeDefaults inherited = {};  ///< what jobs inherit
    AccessRules rules;              ///< who may call, besides what `access` knows
    bool plain_sign_in = false;     ///< whether passwords may come unencrypted from other machines
    bool changing_gets = true;      ///< whether GET may stop, start and delete jobs
};

/// All calls of the API.
/// @throws std::invalid_argument for a bad token or proxy; see Access.
Router make_api_router(const ApiContext& context);

/// /health, /health/ready, /metrics and /metrics/jobs alone, without tokens: for an address that
/// only the operators reach.
Router make_operations_router(const ApiContext& context);

}  // namespace peercron
