#pragma once

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// What in `bytes` would take more memory when it is parsed than an honest message of that length
/// does; nullopt: nothing, as far as the bytes can be read. Takes no memory itself.
///
/// An empty element takes two bytes on the wire, and some hundred once it is parsed. So
/// - a list has no more elements than peer.proto allows. The lists of a message share: the part of
///   its `most` that one takes, the others lack;
/// - a field that is not a list comes once, as every version of the program writes it;
/// - unknown fields, of newer versions, are few, and none is a group, since groups can be nested.
std::optional<std::string> find_excess(std::string_view bytes,
                                       const google::protobuf::Descriptor& type);

}  // namespace peercron
