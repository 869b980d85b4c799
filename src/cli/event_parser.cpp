#include "cli/event_parser.hpp"

#include <utility>

namespace peercron {

std::vector<ServerEvent> EventParser::take(std::string_view bytes)
{
    std::vector<ServerEvent> events;
    for (;;) {
        const auto end = bytes.find('\n');
        line_ += bytes.substr(0, end);
        if (end == std::string_view::npos) return events;
        bytes.remove_prefix(end + 1);
        take_line(std::exchange(line_, {}), events);
    }
}

void EventParser::take_line(std::string_view line, std::vector<ServerEvent>& events)
{
    if (line.empty()) {
        if (data_) events.push_back({name_, *data_, id_});
        data_.reset();
        name_.clear();
        return;
    }
    if (line.starts_with(':')) {
        events.push_back({"", "", id_});
        return;
    }
    const auto colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "event") {
        name_ = value;
    } else if (field == "id") {
        id_ = value;
    } else if (field == "data") {
        data_ = data_ ? *data_ + '\n' + std::string(value) : std::string(value);
    }
}

}  // namespace peercron
