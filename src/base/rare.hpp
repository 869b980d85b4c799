#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace peercron {

/// A value that few objects have: the size of a pointer, and no more while it is T(). Copies share
/// one T, which never changes: a change is another value. Threads may use copies of one at the same
/// time.
template <class T>
class Rare {
public:
    Rare() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): it stands for a T
    Rare(T value)
    {
        if (value != T()) kept_ = new Kept(std::move(value));
    }

    /// Lives as long as any copy of this value.
    const T& get() const
    {
        static const T none{};
        return kept_ ? kept_->value : none;
    }
    // NOLINTNEXTLINE(google-explicit-constructor)
    operator const T&() const { return get(); }

    bool empty() const { return kept_ == nullptr; }
    void clear() { kept_.reset(); }
    /// Whether another object has the same T in memory.
    bool is_shared() const { return kept_ && kept_->use_count() > 1; }

    friend bool operator==(const Rare& one, const Rare& other)
    {
        return one.kept_ == other.kept_ || one.get() == other.get();
    }

private:
    struct Kept : boost::intrusive_ref_counter<Kept> {
        explicit Kept(T given) : value(std::move(given)) {}
        const T value;
    };
    boost::intrusive_ptr<const Kept> kept_;
};

/// A text that few objects have.
class RareText : public Rare<std::string> {
public:
    RareText() = default;
    // NOLINTBEGIN(google-explicit-constructor)
    RareText(std::string text) : Rare(std::move(text)) {}
    RareText(std::string_view text) : Rare(std::string(text)) {}
    RareText(const char* text) : Rare(std::string(text)) {}
    operator std::string_view() const { return get(); }
    // NOLINTEND(google-explicit-constructor)

    std::size_t size() const { return get().size(); }

    friend bool operator==(const RareText& one, const RareText& other) = default;
    template <std::convertible_to<std::string_view> Other>
    friend bool operator==(const RareText& one, const Other& other)
    {
        return one.get() == std::string_view(other);
    }
};

/// A list of words that few objects have.
class RareWords : public Rare<std::vector<std::string>> {
public:
    using List = std::vector<std::string>;
    // What algorithms ask of a container.
    using value_type = List::value_type;
    using size_type = List::size_type;
    using difference_type = List::difference_type;
    using reference = List::const_reference;
    using const_reference = List::const_reference;
    using iterator = List::const_iterator;
    using const_iterator = List::const_iterator;

    using Rare::Rare;
    RareWords() = default;
    RareWords(std::initializer_list<std::string> words) : Rare(List(words)) {}

    const_iterator begin() const { return get().begin(); }
    const_iterator end() const { return get().end(); }
    std::size_t size() const { return get().size(); }
    const std::string& front() const { return get().front(); }
    const std::string& operator[](std::size_t place) const { return get()[place]; }
};

static_assert(sizeof(RareText) == sizeof(void*) && sizeof(RareWords) == sizeof(void*));

}  // namespace peercron
