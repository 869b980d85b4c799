#pragma once

#include <boost/json/serializer.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// Appends JSON to a string, without building a tree of values first. The caller keeps begin and
/// end in balance; commas come by themselves. Texts must be UTF-8.
class JsonWriter {
public:
    /// Appends to `out`, which must outlive the writer.
    explicit JsonWriter(std::string& out) : out_(out) {}

    void begin_object() { open('{'); }
    void end_object() { close('}'); }
    void begin_array() { open('['); }
    void end_array() { close(']'); }

    void key(std::string_view name);

    void value(std::string_view text);
    void value(const char* text) { value(std::string_view(text)); }
    void value(std::int64_t number);
    void value(std::uint64_t number);
    void value(std::int32_t number) { value(std::int64_t{number}); }
    void value(std::uint32_t number) { value(std::uint64_t{number}); }
    void value(double number);  ///< a finite one
    void value(bool truth);
    void null();

    template <class T>
    void value(const std::optional<T>& some)
    {
        if (some) {
            value(*some);
        } else {
            null();
        }
    }

    template <class T>
    void field(std::string_view name, const T& content)
    {
        key(name);
        value(content);
    }

private:
    void open(char bracket);
    void close(char bracket);
    void separate();
    void text(std::string_view text);

    std::string& out_;
    boost::json::serializer serializer_;
    bool needs_comma_ = false;  // before the next element
};

}  // namespace peercron
