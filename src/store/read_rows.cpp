#include "store/read_rows.hpp"

namespace peercron {

RunState read_state(std::string_view text)
{
    if (const auto state = parse_run_state(text)) return *state;
    throw StoreError("table log has a state that this program does not know: " + std::string(text));
}

}  // namespace peercron
