#include "store/settings_text.hpp"

#include "store/store.hpp"

#include <spdlog/fmt/fmt.h>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_to.hpp>

#include <exception>

namespace peercron {

std::string settings_text(const decltype(NoticeChannel::settings)& settings)
{
    boost::json::object object;
    for (const auto& [name, value] : settings) object[name] = value;
    return boost::json::serialize(object);
}

decltype(NoticeChannel::settings) read_settings(std::string_view channel, std::string_view text)
{
    try {
        decltype(NoticeChannel::settings) settings;
        const boost::json::value document = boost::json::parse(text);
        for (const auto& [name, value] : document.as_object()) {
            settings.emplace(name, boost::json::value_to<std::string>(value));
        }
        return settings;
    } catch (const std::exception&) {
        throw StoreError(fmt::format(
            "the settings of channel {} in table notice_channel are no JSON object of texts",
            channel));
    }
}

}  // namespace peercron
