#include "api/list_text.hpp"

namespace peercron {
namespace {

/// All parts but the first.
class FurtherParts final : public Chunks {
public:
    explicit FurtherParts(std::shared_ptr<const ListPage> page) : page_(std::move(page)) {}

    asio::awaitable<std::string> next() override { co_return page_->parts[position_++]; }
    bool is_at_end() const override { return position_ == page_->parts.size(); }

private:
    const std::shared_ptr<const ListPage> page_;
    std::size_t position_ = 1;
};

}  // namespace

std::size_t ListPage::size() const
{
    std::size_t bytes = 0;
    for (const std::string& part : parts) bytes += part.size();
    return bytes;
}

void write_total(ListPage& page, std::int64_t total)
{
    page.parts.back() += R"(],"total":)" + std::to_string(total) + '}';
    page.parts.back() += envelope_end;
}

Response answer_with(std::shared_ptr<const ListPage> page)
{
    Response response;
    response.body = page->parts.front();
    if (page->parts.size() > 1) response.chunks = std::make_unique<FurtherParts>(std::move(page));
    return response;
}

asio::awaitable<std::string> ListChunks::next()
{
    std::string chunk = std::exchange(pending_, {});
    while (chunk.size() < list_part_size) {
        std::string row = has_rows_ ? "," : "";
        if (append_row(row)) {
            chunk += row;
            has_rows_ = true;
            continue;
        }
        const bool more = co_await fetch();
        if (!more) {
            chunk += after_;
            is_at_end_ = true;
            break;
        }
    }
    co_return chunk;
}

asio::awaitable<Response> answer_in_chunks(std::unique_ptr<Chunks> chunks)
{
    Response response;
    response.body = co_await chunks->next();
    if (!chunks->is_at_end()) response.chunks = std::move(chunks);
    co_return response;
}

}  // namespace peercron
