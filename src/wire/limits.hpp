#pragma once

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// What would cost more memory than an honest message of its length, if it were parsed; nullopt:
/// nothing, as far as `bytes` can be read. Takes no memory itself.
///
/// An element that is empty has two bytes on the wire, and some hundred once it is parsed. So
/// - lists have no more elements than peer.proto says. Several lists of a message share: what one
///   takes of its `most`, the others lack;
/// - what is not a list comes once, as every version of the program writes it;
/// - fields of newer versions are few, and none is a group, which can be nested.
std::optional<std::string> find_excess(std::string_view bytes,
                                       const google::protobuf::Descriptor& type);

}  // namespace peercron
