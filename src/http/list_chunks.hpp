#pragma once

#include "http/answer.hpp"
#include "http/json_writer.hpp"
#include "http/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace peercron {

/// A JSON list that is written row by row while it is sent.
class ListChunks : public Chunks {
public:
    /// A chunk ends with the row that makes it this long.
    static constexpr std::size_t chunk_size = 64U * 1024U;

    /// @param before what comes before the rows, with the opening bracket; `after` likewise.
    ListChunks(std::string before, std::string after)
        : pending_(std::move(before)), after_(std::move(after))
    {}

    asio::awaitable<std::string> next() final;
    bool at_end() const final { return at_end_; }

private:
    /// Appends the next row of those at hand; false when there is none.
    virtual bool append_row(std::string& out) = 0;
    /// Gets more rows; false when there are none.
    virtual asio::awaitable<bool> fetch() = 0;

    std::string pending_;  // written, not yet returned
    std::string after_;
    bool any_ = false;
    bool at_end_ = false;
};

/// Rows that are all there already; each is freed once it is written.
template <class Row>
class RowsAtHand final : public ListChunks {
public:
    using Write = std::function<void(JsonWriter& json, const Row& row)>;

    RowsAtHand(std::string before, std::vector<Row> rows, Write write, std::string after)
        : ListChunks(std::move(before), std::move(after)),
          rows_(std::move(rows)),
          write_(std::move(write))
    {}

private:
    bool append_row(std::string& out) override
    {
        if (position_ == rows_.size()) return false;
        const Row row = std::move(rows_[position_++]);
        JsonWriter json(out);
        write_(json, row);
        return true;
    }
    asio::awaitable<bool> fetch() override { co_return false; }

    std::vector<Row> rows_;
    std::size_t position_ = 0;
    Write write_;
};

/// 200 with `chunks`. The first part is made before anything is sent, so that what fails at once
/// is answered as an error; a list that fits into it is sent whole.
asio::awaitable<Response> answer_in_chunks(std::unique_ptr<Chunks> chunks);

/// {"list":[…],"total":N} of these rows, in the envelope.
template <class Row>
std::unique_ptr<Chunks> page_of(std::vector<Row> rows, std::int64_t total,
                                typename RowsAtHand<Row>::Write write)
{
    std::string before(envelope_begin);
    before += R"({"list":[)";
    std::string after = R"(],"total":)" + std::to_string(total) + '}';
    after += envelope_end;
    return std::make_unique<RowsAtHand<Row>>(std::move(before), std::move(rows), std::move(write),
                                             std::move(after));
}

}  // namespace peercron
