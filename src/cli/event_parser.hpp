#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// An event that a node sends. One without a name is a heartbeat: the node is there.
struct ServerEvent {
    std::string name;
    std::string data;
    std::string id;  ///< of this event or of the last one before it that had one

    friend bool operator==(const ServerEvent&, const ServerEvent&) = default;
};

/// Takes a stream of server-sent events apart (WHATWG HTML, 9.2.6), however it is cut into pieces.
/// Only what nodes send: lines end with LF.
class EventParser {
public:
    /// The events that are whole with these bytes.
    std::vector<ServerEvent> take(std::string_view bytes);

private:
    void take_line(std::string_view line, std::vector<ServerEvent>& events);

    std::string line_;  // that has not ended
    std::string name_;
    std::optional<std::string> data_;
    std::string id_;
};

}  // namespace peercron
