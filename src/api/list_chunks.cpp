#include "api/list_chunks.hpp"

namespace peercron {

asio::awaitable<std::string> ListChunks::next()
{
    std::string chunk = std::exchange(pending_, {});
    while (chunk.size() < chunk_size) {
        std::string row = any_ ? "," : "";
        if (append_row(row)) {
            chunk += row;
            any_ = true;
            continue;
        }
        const bool more = co_await fetch();
        if (!more) {
            chunk += after_;
            at_end_ = true;
            break;
        }
    }
    co_return chunk;
}

asio::awaitable<Response> answer_in_chunks(std::unique_ptr<Chunks> chunks)
{
    Response response;
    response.body = co_await chunks->next();
    if (!chunks->at_end()) response.chunks = std::move(chunks);
    co_return response;
}

}  // namespace peercron
