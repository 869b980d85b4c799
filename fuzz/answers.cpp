#include "cli/event_parser.hpp"
#include "cluster/consul_messages.hpp"
#include "fuzzers.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace peercron::fuzz {
namespace {

void check_consul(std::string_view bytes)
{
    (void)parse_session_id(bytes);
    (void)parse_lock_entry(bytes);
    (void)parse_sessions(bytes);
    ConsulSettings settings;
    settings.bind_address = "127.0.0.1:9991";
    (void)parse_stale_services(bytes, settings);
    if (const auto members = parse_members(bytes)) {
        promise(std::ranges::is_sorted(*members, std::ranges::less_equal(), &Member::name) ||
                    std::ranges::adjacent_find(*members, std::ranges::greater_equal(),
                                               &Member::name) == members->end(),
                "each member comes once, in order");
    }
}

void check_events(std::string_view bytes)
{
    EventParser whole;
    const std::vector<ServerEvent> events = whole.take(bytes);
    EventParser pieces;
    std::vector<ServerEvent> collected;
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        for (auto& event : pieces.take(bytes.substr(at, 3))) collected.push_back(std::move(event));
    }
    promise(collected == events, "events do not depend on how they were cut");
}

}  // namespace

/// What Consul answers to a node, and a node to the command line.
void fuzz_answers(std::string_view bytes)
{
    check_consul(bytes);
    check_events(bytes);
}

}  // namespace peercron::fuzz
