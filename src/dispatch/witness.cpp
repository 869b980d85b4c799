#include "dispatch/witness.hpp"

#include <cstddef>

namespace peercron {

bool may_lack_steps(const Witnesses& witnesses)
{
    const std::size_t known = witnesses.nodes.size();
    std::size_t accounted = 0;
    std::size_t remember = 0;
    std::size_t fresh = 0;
    std::size_t survivors = 0;
    for (const Witness& node : witnesses.nodes) {
        if (node.accounted) ++accounted;
        if (node.remembers) ++remember;
        if (node.is_fresh) ++fresh;
        if (node.remembers && !node.is_fresh) ++survivors;
    }
    if (witnesses.ledger_reaches_ahead && survivors > 0) return false;
    if (!witnesses.is_complete) return true;
    const auto half = [](std::size_t nodes) { return nodes - nodes / 2; };
    return accounted < known && (remember < half(known) || survivors < half(known - fresh));
}

}  // namespace peercron
