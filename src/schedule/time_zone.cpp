#include "schedule/time_zone.hpp"

#include "schedule/posix_zone_rule.hpp"

#include <date/tz.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <exception>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace peercron {
namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;
using Period = TimeZone::Period;

/// A span is shorter than most periods, so that at most a few steps follow the look-up.
constexpr seconds bucket_span(std::int64_t{1} << 24U);

/// The last line of a TZif file (RFC 8536, 3.3). The library reads only the changes that the file
/// lists, which end in 2037, or long ago where the database was compiled "slim".
std::optional<PosixZoneRule> read_rule(const std::string& name)
{
    std::ifstream file("/usr/share/zoneinfo/" + name, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    if (bytes.size() < 2 || bytes.back() != '\n') return std::nullopt;
    const std::size_t line = bytes.rfind('\n', bytes.size() - 2);
    if (line == std::string::npos) return std::nullopt;
    return PosixZoneRule::parse(std::string_view(bytes).substr(line + 1, bytes.size() - line - 2));
}

void append(std::vector<Period>& periods, sys_seconds begin, seconds offset)
{
    if (!periods.empty()) {
        if (periods.back().offset == offset) return;
        periods.back().end = begin;
    }
    periods.push_back({begin, TimeZone::end, offset});
}

TimeZone load(const date::time_zone& source)
{
    std::vector<Period> periods;
    sys_seconds last_change = TimeZone::begin;
    for (sys_seconds at = TimeZone::begin; at < TimeZone::end;) {
        const date::sys_info info = source.get_info(at);
        append(periods, at, info.offset);
        last_change = at;
        at = info.end;
    }
    if (const auto rule = read_rule(source.name())) {
        using std::chrono::days;
        using std::chrono::floor;
        using std::chrono::year;
        using std::chrono::year_month_day;
        const year first = year_month_day(floor<days>(last_change)).year();
        const year final = year_month_day(floor<days>(TimeZone::end)).year();
        for (year y = first; y <= final; ++y) {
            for (const PosixZoneRule::Change& change : rule->changes(y)) {
                const bool listed = change.at <= last_change;
                if (!listed && change.at < TimeZone::end) append(periods, change.at, change.offset);
            }
        }
    }
    return {source.name(), std::move(periods)};
}

/// All zones of the system's database; each is loaded when it is first asked for.
class Zones {
public:
    Zones() : sources_(date::get_tzdb().zones), loaded_(sources_.size()) {}

    const TimeZone* find(std::string_view name)
    {
        const auto source =
            std::lower_bound(sources_.begin(), sources_.end(), name,
                             [](const date::time_zone& zone, std::string_view wanted) {
                                 return zone.name() < wanted;
                             });
        if (source == sources_.end() || source->name() != name || name == "localtime")
            return nullptr;
        Slot& slot = loaded_[static_cast<std::size_t>(source - sources_.begin())];
        std::call_once(slot.once, [&] { slot.zone.emplace(load(*source)); });
        return &*slot.zone;
    }

private:
    struct Slot {
        std::once_flag once;
        std::optional<TimeZone> zone;
    };

    const std::vector<date::time_zone>& sources_;  // sorted by name; the library never frees it
    std::vector<Slot> loaded_;
};

}  // namespace

TimeZone::TimeZone(std::string name, std::vector<Period> periods)
    : name_(std::move(name)), periods_(std::move(periods))
{
    std::uint16_t at = 0;
    for (sys_seconds span = begin; span < end; span += bucket_span) {
        while (periods_[at].end <= span) ++at;
        buckets_.push_back(at);
    }
}

std::size_t TimeZone::index_at(sys_seconds time) const
{
    if (time < begin) return 0;
    if (time >= end) return periods_.size() - 1;
    std::size_t at = buckets_[static_cast<std::size_t>((time - begin) / bucket_span)];
    while (periods_[at].end <= time) ++at;
    return at;
}

Result<const TimeZone*> find_zone(std::string_view name)
{
    if (name == "UTC") {
        static const TimeZone utc("UTC", {{TimeZone::begin, TimeZone::end, seconds(0)}});
        return &utc;
    }
    try {
        static Zones zones;
        if (const TimeZone* zone = zones.find(name)) return zone;
    } catch (const std::exception& e) {
        return Error{
            fmt::format("time zone '{}': the system's time zone database cannot be read "
                        "(package tzdata): {}",
                        name, e.what())};
    }
    return Error{
        fmt::format("time zone '{}' is unknown; allowed are IANA names such as UTC or "
                    "Europe/Berlin",
                    name)};
}

}  // namespace peercron
