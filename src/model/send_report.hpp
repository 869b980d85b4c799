#pragma once

#include <string>

namespace peercron {

/// What came of one attempt to send a notice to a channel. No secrets of the channel are in it.
struct SendReport {
    bool is_sent = false;
    /// Not sent, and the same message never will be: the other side says that it is wrong.
    bool is_refused = false;
    std::string request;  ///< what was sent
    std::string answer;   ///< what came back
    std::string problem;  ///< why it was not taken, in words
    /// What the list of deliveries keeps of it; empty: the first line of the problem or answer.
    std::string kept;
};

}  // namespace peercron
