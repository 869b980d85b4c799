#include "api/list_text.hpp"
#include "api/routes.hpp"
#include "api/rows.hpp"
#include "audit/audit.hpp"
#include "base/utf8.hpp"
#include "http/answer.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>

namespace peercron {
namespace {

using namespace std::chrono_literals;

constexpr auto usual_time = 24h;
constexpr std::int64_t most_listed = 1000;  // of each kind

/// More at a time would be felt by those who call for something else.
constexpr int most_audits = 2;

/// A client is told so often that the audit goes on, and it is noticed when it has gone.
constexpr auto longest_silence = 1s;

/// Whether there are so many digits, and nothing else.
bool is_number(std::string_view text)
{
    constexpr std::size_t most_digits = 6;
    return !text.empty() && text.size() <= most_digits &&
           text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// "3", "0.5", "3s", "500ms", "2m".
std::chrono::milliseconds read_late(std::string_view text)
{
    struct Unit {
        std::string_view name;
        double millis;
    };
    constexpr std::array<Unit, 5> units{
        {{"", 1e3}, {"ms", 1.0}, {"s", 1e3}, {"m", 60e3}, {"h", 3600e3}}};
    const auto unit_begin = std::min(text.find_first_not_of("0123456789."), text.size());
    const std::string_view digits = text.substr(0, unit_begin);
    const auto point = digits.find('.');
    const bool is_whole = point == std::string_view::npos;
    const bool is_read =
        is_number(digits.substr(0, point)) && (is_whole || is_number(digits.substr(point + 1)));
    const auto unit = std::ranges::find(units, text.substr(unit_begin), &Unit::name);
    if (!is_read || unit == units.end()) {
        refuse(
            fmt::format("late: given {}; a duration such as 3, 0.5, 500ms, 2m or 1h is allowed, "
                        "with at most 6 digits before the point and after it",
                        quote_utf8(text)));
    }
    double number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return std::chrono::milliseconds(static_cast<std::int64_t>(number * unit->millis));
}

void write_finding(JsonWriter& json, const Finding& finding)
{
    json.begin_object();
    json.field("kind", to_string(finding.kind));
    json.field("cron_id", finding.run.job);
    field_millis(json, "scheduled_at", finding.run.scheduled_at);
    field_millis(json, "until", finding.until);
    json.field("fires", finding.fires);
    json.field("attempt", finding.run.attempt);
    json.field("part", finding.run.part);
    json.key("state");
    if (finding.state) {
        json.value(to_string(*finding.state));
    } else {
        json.null();
    }
    field_millis(json, "started_at", finding.started_at);
    json.field("what", finding.what);
    json.end_object();
}

void write_report(JsonWriter& json, const AuditReport& report)
{
    json.begin_object();
    json.field("clean", report.clean());
    field_millis(json, "asked_from", report.asked.from);
    field_millis(json, "asked_to", report.asked.to);
    field_millis(json, "from", report.judged.from);
    field_millis(json, "to", report.judged.to);
    field_millis(json, "planned_through", report.planned_through);
    json.field("unplanned", report.unplanned);
    json.field("jobs", report.jobs);
    json.field("unknown_jobs", report.unknown_jobs);
    json.field("due", report.due);
    json.field("rows", report.rows);
    json.field("requested", report.requested);
    json.field("rehearsals", report.rehearsals);
    for (std::size_t kind = 0; kind < finding_names.size(); ++kind) {
        json.field(finding_names[kind], report.found[kind]);
    }
    json.field("late_p50", report.lateness.quantile(0.5));
    json.field("late_p99", report.lateness.quantile(0.99));
    json.field("unjudged_fires", report.unjudged_fires);
    json.field("unjudged_rows", report.unjudged_rows);
    json.key("outcomes");
    json.begin_array();
    for (const auto& [outcome, fires] : report.outcomes) {
        json.begin_object();
        json.field("state", to_string(outcome.first));
        json.field("reason", to_string(outcome.second));
        json.field("fires", fires);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

/// One of the audits that are under way.
class Ticket {
public:
    explicit Ticket(std::shared_ptr<int> audits) : audits_(std::move(audits))
    {
        if (*audits_ == most_audits) {
            throw HttpError(http::status::too_many_requests,
                            fmt::format("{} audits are running, and this node runs no more at a "
                                        "time; try again later, or at another node",
                                        most_audits));
        }
        ++*audits_;
    }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() { --*audits_; }

private:
    std::shared_ptr<int> audits_;
};

/// {"findings":[…],"totals":{…}}: an audit that goes on while it is sent. Each step borrows a
/// session for itself, so that other calls come in between.
class AuditChunks final : public Chunks {
public:
    AuditChunks(const ApiContext& context, std::shared_ptr<int> audits, AuditRange range,
                std::optional<JobId> job, AuditRules rules)
        : ticket_(std::move(audits)),
          store_(context.store),
          audit_(range, job, std::move(rules), context.clock.now())
    {}

    asio::awaitable<std::string> next() override
    {
        constexpr std::size_t chunk_size = 64U * 1024U;
        const auto silent_until = std::chrono::steady_clock::now() + longest_silence;
        std::string chunk;
        if (!has_begun_) chunk = fmt::format(R"({}{{"findings":[)", envelope_begin);
        while (chunk.size() < chunk_size && std::chrono::steady_clock::now() < silent_until) {
            const auto step = [this](Store& store) { audit_.step(store); };
            co_await store_.call(step);
            for (const Finding& finding : audit_.take_findings()) append(chunk, finding);
            if (!audit_.done()) continue;
            chunk += R"(],"totals":)";
            JsonWriter json(chunk);
            write_report(json, audit_.report());
            chunk += '}';
            chunk += envelope_end;
            is_at_end_ = true;
            break;
        }
        has_begun_ = true;
        if (chunk.empty()) chunk = '\n';  // JSON allows it between any two of its signs
        co_return chunk;
    }

    bool is_at_end() const override { return is_at_end_; }

private:
    void append(std::string& chunk, const Finding& finding)
    {
        std::int64_t& listed = listed_[static_cast<std::size_t>(finding.kind)];
        if (listed == most_listed) return;
        ++listed;
        if (has_rows_) chunk += ',';
        has_rows_ = true;
        JsonWriter json(chunk);
        write_finding(json, finding);
    }

    Ticket ticket_;
    StorePool& store_;
    Audit audit_;
    std::array<std::int64_t, finding_names.size()> listed_{};
    bool has_begun_ = false;
    bool has_rows_ = false;
    bool is_at_end_ = false;
};

asio::awaitable<Response> audit_ledger(const ApiContext& context, const Call& call,
                                       std::shared_ptr<int> audits)
{
    AuditRange range;
    range.to = call.params.time("to").value_or(context.clock.now());
    range.from = call.params.time("from").value_or(range.to - usual_time);
    if (range.from >= range.to) {
        refuse(
            "from: it must be earlier than to; the fires from `from` on and before `to` are "
            "judged");
    }
    AuditRules rules;
    rules.default_zone = context.default_time_zone;
    if (const auto late = call.params.text("late")) rules.late = read_late(*late);
    std::optional<JobId> job;
    if (const auto id = call.params.text("job")) {
        job = parse_job_id("job", *id);
        PastQuery query;
        query.only = job;
        const auto find = [&query](Store& store) { return store.find_pasts(query); };
        const std::vector<JobPast> pasts = co_await context.store.call(find);
        if (pasts.empty()) {
            throw HttpError(
                http::status::not_found,
                fmt::format("job: there is no job {}, and there was none", quote_utf8(*id)));
        }
    }
    auto chunks =
        std::make_unique<AuditChunks>(context, std::move(audits), range, job, std::move(rules));
    co_return co_await answer_in_chunks(std::move(chunks));
}

}  // namespace

void add_audit_routes(Router& router, const ApiContext& context)
{
    const auto audits = std::make_shared<int>(0);
    router.add({
        .pattern = "/audit",
        .methods = {http::verb::get},
        .role = Role::read,
        .params = {{.name = "from", .type = ParamType::time},
                   {.name = "to", .type = ParamType::time},
                   {.name = "job", .type = ParamType::integer},
                   {.name = "late", .type = ParamType::amount}},
        .handler =
            bind(context, [audits](const ApiContext& api,
                                   const Call& call) { return audit_ledger(api, call, audits); }),
    });
}

}  // namespace peercron
