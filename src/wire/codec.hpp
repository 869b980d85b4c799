#pragma once

#include "base/result.hpp"
#include "wire/message.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// A message as the payload of one frame; peer.proto has the format and how it may change.
std::string encode(const Message& message);

/// As encode(), at the end of `out`.
void append_encoded(std::string& out, const Message& message);

/// The message in a frame's payload; nullopt when it is of a kind that only a newer peer knows,
/// which is to be ignored. An Error means that no version of a peer sends this. Any bytes are safe
/// to hand in, and cost no more memory than an honest message of their length (limits.hpp); strings
/// are what the peer sent, not necessarily UTF-8.
Result<std::optional<Message>> decode(std::string_view payload);

/// A report with its output, to be kept in a file. What one version of the program writes every
/// later one can read, by the rules of peer.proto.
std::string encode_report(const RunReport& report);

/// An Error for anything that encode_report() does not write, and for a state that only a newer
/// version knows.
Result<RunReport> decode_report(std::string_view bytes);

}  // namespace peercron
