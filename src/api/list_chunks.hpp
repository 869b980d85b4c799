#pragma once

#include "http/message.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

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

/// 200 with `chunks`. The first part is made before anything is sent, so that what fails at once
/// is answered as an error; a list that fits into it is sent whole.
asio::awaitable<Response> answer_in_chunks(std::unique_ptr<Chunks> chunks);

}  // namespace peercron
