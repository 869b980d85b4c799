#pragma once

#include "http/answer.hpp"
#include "http/budget.hpp"
#include "http/json_writer.hpp"
#include "http/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

// Lists as JSON, in parts, so that no long list is one text: a page is written where its rows were
// read, and a list that is longer than a page while it is sent.

/// A part ends with the row that makes it this long.
inline constexpr std::size_t list_part_size = 64U * 1024U;

/// The answer {"list":[…],"total":N}, in its envelope. Written once, and sent to all clients that
/// requested the same page.
struct ListPage {
    std::vector<std::string> parts;
    std::size_t rows = 0;
    Budget::Share share;  ///< as long as somebody is sent it

    /// Bytes in all parts.
    std::size_t size() const;
};

/// The beginning of a page, up to its last row. Each row is freed once it is written.
/// @param write a callable that takes a JsonWriter& and a row.
template <class Row, class Write>
ListPage write_rows(std::vector<Row> rows, const Write& write)
{
    ListPage page;
    page.rows = rows.size();
    std::vector<std::string>& parts = page.parts;
    parts.emplace_back(envelope_begin);
    parts.back() += R"({"list":[)";
    bool any = false;
    for (Row& place : rows) {
        const Row row = std::move(place);
        if (parts.back().size() >= list_part_size) parts.emplace_back();
        if (std::exchange(any, true)) parts.back() += ',';
        JsonWriter json(parts.back());
        write(json, row);
    }
    return page;
}

/// The end of a page.
void write_total(ListPage& page, std::int64_t total);

/// 200 with the page; one of several parts is sent part by part.
Response answer_with(std::shared_ptr<const ListPage> page);

/// A list that is written row by row while it is sent.
class ListChunks : public Chunks {
public:
    /// @param before what comes before the rows, with the opening bracket; `after` likewise.
    ListChunks(std::string before, std::string after)
        : pending_(std::move(before)), after_(std::move(after))
    {}

    asio::awaitable<std::string> next() final;
    bool is_at_end() const final { return is_at_end_; }

private:
    /// Appends the next row of those at hand; false when there is none.
    virtual bool append_row(std::string& out) = 0;
    /// Gets more rows; false when there are none.
    virtual asio::awaitable<bool> fetch() = 0;

    std::string pending_;  // written, not yet returned
    std::string after_;
    bool has_rows_ = false;
    bool is_at_end_ = false;
};

/// 200 with `chunks`. The first part is made before anything is sent, so that what fails at once
/// is answered as an error; a list that fits into it is sent whole.
asio::awaitable<Response> answer_in_chunks(std::unique_ptr<Chunks> chunks);

}  // namespace peercron
