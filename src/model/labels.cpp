#include "model/labels.hpp"

#include "base/label_text.hpp"

#include <algorithm>
#include <utility>

namespace peercron {
namespace {

/// The finalizer of SplitMix64: each bit of the result depends on each of `x`.
std::uint64_t mix(std::uint64_t x)
{
    x ^= x >> 30U;
    x *= 0xBF58476D1CE4E5B9ULL;
    x ^= x >> 27U;
    x *= 0x94D049BB133111EBULL;
    return x ^ (x >> 31U);
}

}  // namespace

bool is_run_on_term(std::string_view text)
{
    if (text.starts_with('!')) text.remove_prefix(1);
    return is_label(text);
}

std::vector<std::string> host_labels(std::string_view host)
{
    std::string label = "host=" + std::string(host);
    if (!is_label(label)) return {};
    return {std::move(label)};
}

Labels labels_of(const NodeName& node, const std::vector<std::string>& told)
{
    Labels labels(told.begin(), told.end());
    labels.insert("address=" + node);
    labels.insert("address=" + node.substr(0, node.rfind(':')));
    return labels;
}

bool may_run_on(const std::vector<std::string>& run_on, const Labels& labels)
{
    return std::ranges::all_of(run_on, [&labels](std::string_view term) {
        const bool is_wanted = !term.starts_with('!');
        if (!is_wanted) term.remove_prefix(1);
        return labels.contains(term) == is_wanted;
    });
}

std::uint64_t sticky_rank(JobId job, const NodeName& node)
{
    // FNV-1a, 64 bits.
    std::uint64_t hash = 0xCBF29CE484222325ULL;
    for (const char c : node) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x100000001B3ULL;
    }
    return mix(hash ^ mix(static_cast<std::uint64_t>(job)));
}

}  // namespace peercron
