#include "model/calendar.hpp"

#include "model/lock.hpp"

namespace peercron {

bool is_calendar_name(std::string_view text)
{
    return is_lock_name(text);
}

bool is_calendar_term(std::string_view text)
{
    if (text.starts_with('!')) text.remove_prefix(1);
    return is_calendar_name(text);
}

}  // namespace peercron
