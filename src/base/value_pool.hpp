#pragma once

#include <algorithm>
#include <cstddef>
#include <unordered_set>
#include <utility>

namespace peercron {

/// Where many objects have equal values, they have one of these in memory: a Rare, or another value
/// whose copies share memory and whose `is_shared()` says whether there are any. What nobody has
/// any more is dropped when that many have come that it pays. One thread.
template <class Value, class Hash>
class ValuePool {
public:
    /// The value that is equal to this one: an earlier one, if there is one.
    Value share(Value value)
    {
        if (values_.size() >= sweep_at_) sweep();
        return *values_.insert(std::move(value)).first;
    }

    std::size_t size() const { return values_.size(); }

private:
    static constexpr std::size_t few = 1000;

    void sweep()
    {
        std::erase_if(values_, [](const Value& value) { return !value.is_shared(); });
        sweep_at_ = std::max(few, 2 * values_.size());
    }

    std::unordered_set<Value, Hash> values_;
    std::size_t sweep_at_ = few;
};

}  // namespace peercron
