#include "insight/words.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>

#include <ctime>

namespace peercron {

std::string in_words(std::chrono::milliseconds time)
{
    using namespace std::chrono_literals;
    using std::chrono::duration_cast;
    if (time < 1s) return fmt::format("{} ms", time.count());
    if (time < 1min) return fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1000.0);
    const auto seconds = duration_cast<std::chrono::seconds>(time).count();
    if (time < 1h) return fmt::format("{} m {} s", seconds / 60, seconds % 60);
    if (time < 24h) return fmt::format("{} h {} m", seconds / 3600, seconds / 60 % 60);
    return fmt::format("{} d {} h", seconds / 86400, seconds / 3600 % 24);
}

std::string local_text(WallTime time, const TimeZone& zone)
{
    const auto second = std::chrono::floor<std::chrono::seconds>(time);
    const auto local = second + zone.offset_at(second);
    std::string text = fmt::format("{:%Y-%m-%d %H:%M:%S}",
                                   fmt::gmtime(std::time_t{local.time_since_epoch().count()}));
    const auto millis = (time - second).count();
    if (millis != 0) text += fmt::format(".{:03}", millis);
    return text;
}

}  // namespace peercron
