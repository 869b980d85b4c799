#include "store/notice_store.hpp"

#include <spdlog/fmt/fmt.h>

namespace peercron {

void throw_channel_taken(const std::string& name)
{
    throw NameTaken(fmt::format("a channel named '{}' exists already", name));
}

void throw_noticed_by_another(Epoch epoch)
{
    throw Deposed(fmt::format("a newer dispatcher than that of epoch {} sends the notices", epoch));
}

}  // namespace peercron
