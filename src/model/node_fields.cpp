#include "model/node_fields.hpp"

#include "model/field_json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <utility>

namespace peercron {

namespace json = boost::json;

NodeFields::NodeFields(JobPatch fields)
{
    if (fields.given.none()) return;
    json::object object;
    for (const JobField* field : fields_of(fields.given)) {
        object.emplace(field->name, to_json(stored_value(*field, fields.values)));
    }
    shared_ = std::make_shared<const Shared>(Shared{std::move(fields), json::serialize(object)});
}

NodeFields NodeFields::of(const Job& job)
{
    static const Job defaults;
    static const FieldSet marked = fields_for_nodes();
    return NodeFields(patch_of(job, differences(job, defaults) & marked));
}

const Job& NodeFields::job() const
{
    static const Job defaults;
    return shared_ ? shared_->fields.values : defaults;
}

const std::string& NodeFields::text() const
{
    static const std::string none;
    return shared_ ? shared_->text : none;
}

std::vector<std::string> NodeFields::needs() const
{
    std::vector<std::string> needs;
    if (!shared_) return needs;
    const JobPatch& fields = shared_->fields;
    for (const JobField* field : fields_of(fields.given)) {
        needs.emplace_back(field->name);
        if (!std::holds_alternative<kind::Choice>(field->kind)) continue;
        needs.push_back(std::string(field->name) + "=" +
                        std::get<std::string>(stored_value(*field, fields.values)));
    }
    return needs;
}

std::optional<NodeFields> NodeFields::parse(std::string_view text)
{
    if (text.empty()) return NodeFields();
    boost::system::error_code error;
    const json::value parsed = json::parse({text.data(), text.size()}, error);
    if (error || !parsed.is_object()) return std::nullopt;
    JobPatch fields;
    for (const auto& [name, given] : parsed.get_object()) {
        const JobField* const field = find_field({name.data(), name.size()});
        std::optional<FieldValue> value = from_json(given);
        if (field == nullptr || !value) return std::nullopt;
        if (!give(fields, *field, *std::move(value))) return std::nullopt;
    }
    return NodeFields(std::move(fields));
}

bool operator==(const NodeFields& one, const NodeFields& other)
{
    return one.shared_ == other.shared_ || one.text() == other.text();
}

std::vector<std::string> names_of_needs(const FieldSet& set)
{
    std::vector<std::string> names;
    for (const JobField* field : fields_of(set)) {
        names.emplace_back(field->name);
        const auto* const choice = std::get_if<kind::Choice>(&field->kind);
        if (choice == nullptr) continue;
        for (const std::string_view word : choice->words) {
            names.push_back(std::string(field->name) + "=" + std::string(word));
        }
    }
    return names;
}

FieldSet fields_for_nodes()
{
    FieldSet set;
    for (std::size_t i = 0; i < job_fields.size(); ++i) set.set(i, job_fields[i].for_node);
    return set;
}

}  // namespace peercron
