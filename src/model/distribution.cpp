#include "model/distribution.hpp"

#include "base/short_numbers.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

namespace peercron {
namespace {

constexpr std::uint32_t buckets_of_doubling = 8;
constexpr std::uint32_t bits_of_doubling = 3;

constexpr std::uint32_t place_of(std::int64_t value)
{
    const auto number = static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
    if (number < buckets_of_doubling) return static_cast<std::uint32_t>(number);
    const auto bits = static_cast<std::uint32_t>(std::bit_width(number));
    const std::uint32_t doublings = bits - 1 - bits_of_doubling;
    return doublings * buckets_of_doubling + static_cast<std::uint32_t>(number >> doublings);
}

constexpr std::uint32_t last_place = place_of(std::numeric_limits<std::int64_t>::max());

/// The middle of the bucket.
std::int64_t value_at(std::uint32_t place)
{
    if (place < 2 * buckets_of_doubling) return place;
    const std::uint32_t doublings = place / buckets_of_doubling - 1;
    const std::int64_t part = place % buckets_of_doubling + buckets_of_doubling;
    const std::int64_t width = std::int64_t{1} << doublings;
    return part * width + width / 2;
}

}  // namespace

void Distribution::add(std::int64_t value)
{
    add(place_of(value), 1);
    if (fades_at_ > 0 && count_ >= fades_at_) fade();
}

void Distribution::merge(const Distribution& other)
{
    for (const Bucket& bucket : other.buckets_) add(bucket.place, bucket.count);
}

void Distribution::add(std::uint32_t place, std::int64_t count)
{
    const auto found = std::ranges::lower_bound(buckets_, place, {}, &Bucket::place);
    if (found != buckets_.end() && found->place == place) {
        found->count += count;
    } else {
        buckets_.insert(found, {place, count});
    }
    count_ += count;
}

void Distribution::fade()
{
    count_ = 0;
    for (Bucket& bucket : buckets_) {
        bucket.count /= 2;
        count_ += bucket.count;
    }
    std::erase_if(buckets_, [](const Bucket& bucket) { return bucket.count == 0; });
}

std::optional<std::int64_t> Distribution::quantile(double share) const
{
    if (count_ == 0) return std::nullopt;
    const auto rank = static_cast<std::int64_t>(std::ceil(share * static_cast<double>(count_)));
    std::int64_t passed = 0;
    for (const Bucket& bucket : buckets_) {
        passed += bucket.count;
        if (passed >= rank) return value_at(bucket.place);
    }
    return value_at(buckets_.back().place);
}

std::string Distribution::to_text() const
{
    constexpr std::size_t longest_bucket = 24;                 // "487:9223372036854775807,"
    std::string text(buckets_.size() * longest_bucket, '\0');  // appending each takes longer
    char* const end = text.data() + text.size();
    char* at = text.data();
    for (const Bucket& bucket : buckets_) {
        at = std::to_chars(at, end, bucket.place).ptr;
        *at++ = ':';
        at = std::to_chars(at, end, bucket.count).ptr;
        *at++ = ',';
    }
    if (!buckets_.empty()) --at;  // nothing follows
    text.resize(static_cast<std::size_t>(at - text.data()));
    return text;
}

std::optional<Distribution> Distribution::parse(std::string_view text, std::int64_t fades_at)
{
    Distribution read(fades_at);
    constexpr std::size_t shortest_bucket = 4;  // "1:2,"
    read.buckets_.reserve(text.size() / shortest_bucket + 1);
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        Bucket bucket;
        std::int64_t number = 0;
        const auto place = read_short_number<10>(at, end, number);
        if (place.ec != std::errc() || place.ptr == end || *place.ptr != ':') return std::nullopt;
        if (number < 0 || number > last_place) return std::nullopt;
        bucket.place = static_cast<std::uint32_t>(number);
        const auto count = read_short_number<10>(place.ptr + 1, end, bucket.count);
        const bool ends = count.ptr == end || *count.ptr == ',';
        if (count.ec != std::errc() || !ends || bucket.count <= 0) return std::nullopt;
        const bool ascends = read.buckets_.empty() || read.buckets_.back().place < bucket.place;
        if (!ascends) return std::nullopt;
        read.buckets_.push_back(bucket);
        read.count_ += bucket.count;
        at = count.ptr == end ? end : count.ptr + 1;
    }
    return read;
}

}  // namespace peercron
