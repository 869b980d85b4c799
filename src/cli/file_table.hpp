#pragma once

#include "base/toml.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What is wrong with a job file, and where.
struct FileMistake {
    toml::source_position place;
    std::string what;
};

/// What a node of a file is, for people: "a text".
std::string_view type_of(const toml::node& node);

/// A table [WHAT.NAME] of a job file. What is wrong with it becomes a mistake that begins with
/// "WHAT 'NAME': ".
///
/// Refers to what it is made of, which must outlive it.
class FileTable {
public:
    FileTable(std::string_view what, const std::string& name, const toml::table& table,
              std::vector<FileMistake>& mistakes)
        : what_(what), name_(name), table_(table), mistakes_(mistakes)
    {}

    const toml::table& table() const { return table_; }

    /// The value of a key. Another type is a mistake, and the value is empty.
    std::string text(std::string_view key, const toml::node& node);
    bool truth(std::string_view key, const toml::node& node);
    std::vector<std::string> texts(std::string_view key, const toml::node& node);

    void complain(const toml::node& node, std::string_view what);

private:
    void expect(std::string_view key, const toml::node& node, std::string_view what);

    std::string_view what_;
    const std::string& name_;
    const toml::table& table_;
    std::vector<FileMistake>& mistakes_;
};

}  // namespace peercron
