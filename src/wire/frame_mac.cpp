#include "wire/frame_mac.hpp"

namespace peercron {

void FrameMac::seal(std::string& out, std::size_t payload_start)
{
    const Digest mac = next(std::string_view(out).substr(payload_start));
    out.append(mac.data(), size);
}

std::optional<std::string_view> FrameMac::open(std::string_view sealed)
{
    if (sealed.size() < size) return std::nullopt;
    const std::string_view payload = sealed.substr(0, sealed.size() - size);
    const Digest mac = next(payload);
    if (!equal_secrets(sealed.substr(payload.size()), view(mac).substr(0, size))) {
        return std::nullopt;
    }
    return payload;
}

Digest FrameMac::next(std::string_view payload)
{
    std::array<char, 8> number{};
    for (std::size_t i = 0; i < number.size(); ++i) {
        number[i] = static_cast<char>(number_ >> (8 * (number.size() - 1 - i)));
    }
    ++number_;
    return hmac_.of({std::string_view(number.data(), number.size()), payload});
}

}  // namespace peercron
