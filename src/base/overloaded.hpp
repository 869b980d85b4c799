#pragma once

namespace peercron {

/// One visitor of several lambdas, for std::visit: an alternative that none of them takes does not
/// compile.
template <class... F>
struct Overloaded : F... {
    using F::operator()...;
};

template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace peercron
