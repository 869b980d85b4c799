#include "cli/file_table.hpp"

#include "schedule/quote.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstddef>
#include <utility>

namespace peercron {

std::string_view type_of(const toml::node& node)
{
    if (node.is_table()) return "a table";
    if (node.is_array()) return "a list";
    if (node.is_string()) return "a text";
    if (node.is_integer()) return "an integer";
    if (node.is_floating_point()) return "a fraction";
    if (node.is_boolean()) return "true or false";
    return "a date or a time";
}

std::string FileTable::text(std::string_view key, const toml::node& node)
{
    if (auto text = node.value_exact<std::string>()) return *std::move(text);
    expect(key, node, "a text");
    return {};
}

bool FileTable::truth(std::string_view key, const toml::node& node)
{
    if (const auto truth = node.value_exact<bool>()) return *truth;
    expect(key, node, "true or false");
    return false;
}

std::vector<std::string> FileTable::texts(std::string_view key, const toml::node& node)
{
    std::vector<std::string> texts;
    const toml::array* const list = node.as_array();
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        const auto text = (*list)[i].value_exact<std::string>();
        if (text) texts.push_back(*text);
        if (!text) expect(key, (*list)[i], "a text");
    }
    if (list == nullptr) expect(key, node, "a list of texts, as [\"one\", \"two\"]");
    return texts;
}

void FileTable::expect(std::string_view key, const toml::node& node, std::string_view what)
{
    complain(node, fmt::format("key {}: found {}, expected {}", quote(key), type_of(node), what));
}

void FileTable::complain(const toml::node& node, std::string_view what)
{
    mistakes_.push_back({node.source().begin, fmt::format("{} {}: {}", what_, quote(name_), what)});
}

}  // namespace peercron
