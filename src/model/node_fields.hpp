#pragma once

#include "model/job_fields.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// What a node must know of a job to run it, besides its command, timeout and limit: the fields
/// that are marked `for_node` and are not at their defaults. Copies share one value, so a thousand
/// orders of a job hold it once. Never changes after it was made; any thread.
class NodeFields {
public:
    /// All at their defaults.
    NodeFields() = default;
    /// The fields that `fields` gives, whatever their values are.
    explicit NodeFields(JobPatch fields);
    static NodeFields of(const Job& job);

    bool empty() const { return shared_ == nullptr; }
    /// Whether there are copies of this one.
    bool is_shared() const { return shared_.use_count() > 1; }
    /// A job of these fields; all others are at their defaults.
    const Job& job() const;

    /// A node runs a job rightly only if it knows all of these: names of fields, and "name=word"
    /// for a choice.
    std::vector<std::string> needs() const;

    /// One JSON object, or nothing when all are at their defaults.
    const std::string& text() const;
    /// nullopt: it is none, or has a field or a value that this program does not know.
    static std::optional<NodeFields> parse(std::string_view text);

    friend bool operator==(const NodeFields& one, const NodeFields& other);

private:
    struct Shared {
        JobPatch fields;
        std::string text;
    };
    std::shared_ptr<const Shared> shared_;
};

/// All that needs() can name, of the fields of `set`.
std::vector<std::string> names_of_needs(const FieldSet& set);

/// The fields that are marked `for_node`.
FieldSet fields_for_nodes();

}  // namespace peercron
