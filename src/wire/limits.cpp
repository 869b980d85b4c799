#include "wire/limits.hpp"

#include "wire/peer.pb.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <bitset>
#include <cstddef>
#include <cstdint>

namespace peercron {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::CodedInputStream;
using WireFormat = google::protobuf::internal::WireFormatLite;

/// Of a message with all that is in it.
constexpr std::size_t most_unknown_fields = 10'000;
constexpr std::size_t most_fields_of_a_type = 64;

class Scan {
public:
    /// Returns at the first excess, or where the bytes make no sense.
    void message(std::string_view bytes, const Descriptor& type)
    {
        CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                            static_cast<int>(bytes.size()));
        std::bitset<most_fields_of_a_type> seen;
        while (!excess) {
            const std::uint32_t tag = in.ReadTag();
            if (tag == 0) return;
            std::string_view content;
            if (!read_content(in, WireFormat::GetTagWireType(tag), bytes, content)) return;
            const FieldDescriptor* const field =
                type.FindFieldByNumber(WireFormat::GetTagFieldNumber(tag));
            if (field == nullptr) {
                if (++unknown_ > most_unknown_fields) excess = "too many unknown fields";
            } else if (field->is_repeated()) {
                const bool is_packed = field->is_packable() && !content.empty();
                count(*field, is_packed ? numbers_in(content) : 1);
            } else if (seen.test(static_cast<std::size_t>(field->index()))) {
                excess = fmt::format("{} comes twice", field->full_name());
            } else {
                seen.set(static_cast<std::size_t>(field->index()));
            }
            if (field != nullptr && field->message_type() != nullptr) {
                message(content, *field->message_type());
            }
        }
    }

    std::optional<std::string> excess;

private:
    /// Moves behind the field, and says whether there is one. `content`: of a field with a length.
    bool read_content(CodedInputStream& in, WireFormat::WireType wire_type, std::string_view bytes,
                      std::string_view& content)
    {
        std::uint64_t number = 0;
        std::uint32_t length = 0;
        switch (wire_type) {
            case WireFormat::WIRETYPE_VARINT:
                return in.ReadVarint64(&number);
            case WireFormat::WIRETYPE_FIXED64:
                return in.Skip(8);
            case WireFormat::WIRETYPE_FIXED32:
                return in.Skip(4);
            case WireFormat::WIRETYPE_LENGTH_DELIMITED: {
                if (!in.ReadVarint32(&length)) return false;
                const auto start = static_cast<std::size_t>(in.CurrentPosition());
                if (length > bytes.size() - start) return false;
                content = bytes.substr(start, length);
                return in.Skip(static_cast<int>(length));
            }
            default:
                excess = "a group";
                return false;
        }
    }

    static std::size_t numbers_in(std::string_view packed)
    {
        const auto ends = [](char byte) { return (static_cast<unsigned char>(byte) & 0x80U) == 0; };
        return static_cast<std::size_t>(std::ranges::count_if(packed, ends));
    }

    void count(const FieldDescriptor& list, std::size_t elements)
    {
        const std::uint32_t most = list.options().GetExtension(pb::most);
        share_ += most == 0 ? whole + 1 : elements * (whole / most);
        if (share_ > whole) {
            excess = fmt::format("more than {} elements of {}, or of several lists in that ratio",
                                 most, list.full_name());
        }
    }

    static constexpr std::uint64_t whole = std::uint64_t{1} << 50U;
    std::uint64_t share_ = 0;  // of `whole`
    std::size_t unknown_ = 0;
};

}  // namespace

std::optional<std::string> find_excess(std::string_view bytes, const Descriptor& type)
{
    Scan scan;
    scan.message(bytes, type);
    return std::move(scan.excess);
}

}  // namespace peercron
