#pragma once

namespace peercron {

/// The deleter of a unique_ptr to an object of a library in C: `std::unique_ptr<BIO,
/// Freed<BIO_free>>`.
template <auto free>
struct Freed {
    template <class T>
    void operator()(T* object) const
    {
        free(object);
    }
};

}  // namespace peercron
