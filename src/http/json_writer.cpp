#include "http/json_writer.hpp"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <iterator>

namespace peercron {

void JsonWriter::key(std::string_view name)
{
    separate();
    text(name);
    out_ += ':';
    needs_comma_ = false;
}

void JsonWriter::value(std::string_view content)
{
    separate();
    text(content);
}

void JsonWriter::value(std::int64_t number)
{
    separate();
    fmt::format_to(std::back_inserter(out_), "{}", number);
}

void JsonWriter::value(std::uint64_t number)
{
    separate();
    fmt::format_to(std::back_inserter(out_), "{}", number);
}

void JsonWriter::value(double number)
{
    separate();
    fmt::format_to(std::back_inserter(out_), "{}", number);
}

void JsonWriter::value(bool truth)
{
    separate();
    out_ += truth ? "true" : "false";
}

void JsonWriter::null()
{
    separate();
    out_ += "null";
}

void JsonWriter::open(char bracket)
{
    separate();
    out_ += bracket;
    needs_comma_ = false;
}

void JsonWriter::close(char bracket)
{
    out_ += bracket;
    needs_comma_ = true;
}

void JsonWriter::separate()
{
    if (needs_comma_) out_ += ',';
    needs_comma_ = true;
}

void JsonWriter::text(std::string_view text)
{
    std::array<char, 1024> piece;
    serializer_.reset(boost::json::string_view(text.data(), text.size()));
    while (!serializer_.done()) {
        const auto written = serializer_.read(piece.data(), piece.size());
        out_.append(written.data(), written.size());
    }
}

}  // namespace peercron
