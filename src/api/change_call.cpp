#include "api/change_call.hpp"

#include "base/utf8.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {

Author author_of(const Call& call)
{
    constexpr std::size_t longest_reason = 255;
    Author author{call.caller.name, call.caller.address, call.params.text("reason").value_or("")};
    const std::size_t length = count_characters(author.why);
    if (length > longest_reason) {
        refuse(fmt::format("reason: given {} characters; at most {} are allowed", length,
                           longest_reason));
    }
    return author;
}

Edit edit_by(const ApiContext& context, const Call& call)
{
    return {context.clock, author_of(call)};
}

}  // namespace peercron
