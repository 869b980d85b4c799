#pragma once

#include "http/answer.hpp"
#include "http/budget.hpp"
#include "http/json_writer.hpp"
#include "http/message.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// The answer {"list":[…],"total":N}, in its envelope, as text: in parts, each of which ends with
/// the row that makes it 64 KiB long. Made once, on the thread that read the rows, and sent to all
/// clients that requested the same page.
struct ListPage {
    std::vector<std::string> parts;
    Budget::Share share;  ///< as long as somebody is sent it

    /// Bytes in all parts.
    std::size_t size() const;
};

/// The beginning of a page, up to its last row. Each row is freed once it is written.
/// @param write a callable that takes a JsonWriter& and a row.
template <class Row, class Write>
ListPage write_rows(std::vector<Row> rows, const Write& write)
{
    constexpr std::size_t part_size = 64U * 1024U;
    ListPage page;
    std::vector<std::string>& parts = page.parts;
    parts.emplace_back(envelope_begin);
    parts.back() += R"({"list":[)";
    bool any = false;
    for (Row& place : rows) {
        const Row row = std::move(place);
        if (parts.back().size() >= part_size) parts.emplace_back();
        if (std::exchange(any, true)) parts.back() += ',';
        JsonWriter json(parts.back());
        write(json, row);
    }
    return page;
}

/// Whether a page of `rows` rows, out of a requested `limit`, shows where its list ends: then
/// nothing has to be counted.
constexpr bool is_last_page(std::size_t offset, std::size_t limit, std::size_t rows)
{
    return rows < limit && (rows > 0 || offset == 0);
}

/// The end of a page.
void write_total(ListPage& page, std::int64_t total);

/// 200 with the page; one of several parts is sent part by part.
Response answer_with(std::shared_ptr<const ListPage> page);

}  // namespace peercron
