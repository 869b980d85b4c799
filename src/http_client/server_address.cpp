#include "http_client/server_address.hpp"

#include <charconv>
#include <cstddef>

namespace peercron {

ServerAddress parse_server(const std::string& text, int usual_port)
{
    ServerAddress server{text, usual_port};
    const std::size_t colon = text.rfind(':');
    const bool has_port = colon != std::string::npos && text.find(']', colon) == std::string::npos;
    if (has_port) {
        server.host = text.substr(0, colon);
        std::from_chars(text.data() + colon + 1, text.data() + text.size(), server.port);
    }
    if (server.host.starts_with('[')) server.host = server.host.substr(1, server.host.size() - 2);
    return server;
}

}  // namespace peercron
