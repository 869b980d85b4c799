#include "api/list_page.hpp"

#include <boost/asio/awaitable.hpp>

namespace peercron {
namespace {

/// All parts but the first.
class FurtherParts final : public Chunks {
public:
    explicit FurtherParts(std::shared_ptr<const ListPage> page) : page_(std::move(page)) {}

    asio::awaitable<std::string> next() override { co_return page_->parts[position_++]; }
    bool at_end() const override { return position_ == page_->parts.size(); }

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

}  // namespace peercron
