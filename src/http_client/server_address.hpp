#pragma once

#include <string>

namespace peercron {

/// Where a server that is no web server listens.
struct ServerAddress {
    std::string host;  ///< an address without brackets, or a name
    int port = 0;
};

/// Of "host", "host:port", "[fe80::1]:port".
ServerAddress parse_server(const std::string& text, int usual_port);

}  // namespace peercron
