#include "cli/exit_status.hpp"

#include <array>

namespace peercron {
namespace {

constexpr std::array<ExitStatusText, 9> statuses{{
    {ExitStatus::done, "Done."},
    {ExitStatus::failed, "Failure: an internal error of the node, or an error in this program."},
    {ExitStatus::usage, "Wrong use: a wrong option, or input that the node refused (HTTP 400)."},
    {ExitStatus::not_found, "There is no such job or run (HTTP 404)."},
    {ExitStatus::conflict,
     "A conflict, such as a name that is taken or a run that has already ended (HTTP 409)."},
    {ExitStatus::not_allowed,
     "The token is missing or unknown, or its role does not allow this (HTTP 401, 403)."},
    {ExitStatus::unavailable,
     "No node answers, or the node cannot do it now: the store is away, there is no dispatcher, or "
     "the request takes the store too long (HTTP 429, 502, 503, 504)."},
    {ExitStatus::unsuccessful,
     "Only with --wait: the run did not end as asked. It did not end in success (job run-now), or "
     "ended in another way before it could be killed (run kill)."},
    {ExitStatus::not_clean, "Only audit: something is wrong with the ledger, or no node plans."},
}};

}  // namespace

std::span<const ExitStatusText> exit_statuses()
{
    return statuses;
}

ExitStatus exit_status_of_http(unsigned http_status)
{
    switch (http_status) {
        case 401:
        case 403:
            return ExitStatus::not_allowed;
        case 404:
            return ExitStatus::not_found;
        case 409:
            return ExitStatus::conflict;
        case 429:
        case 502:
        case 503:
        case 504:
            return ExitStatus::unavailable;
        default:
            break;
    }
    const bool is_of_client = http_status >= 400 && http_status < 500;
    return is_of_client ? ExitStatus::usage : ExitStatus::failed;
}

}  // namespace peercron
