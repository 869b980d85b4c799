#include "model/distribution.hpp"

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
    std::string text;
    constexpr std::size_t usual_bucket = 6;  // "112:3,"
    text.reserve(buckets_.size() * usual_bucket);
    for (const Bucket& bucket : buckets_) {
        char written[48];
        char* at = std::begin(written);
        if (!text.empty()) *at++ = ',';
        at = std::to_chars(at, std::end(written), bucket.place).ptr;
        *at++ = ':';
        at = std::to_chars(at, std::end(written), bucket.count).ptr;
        text.append(std::begin(written), at);
    }
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
        const auto place = std::from_chars(at, end, bucket.place);
        if (place.ec != std::errc() || place.ptr == end || *place.ptr != ':') return std::nullopt;
        const auto count = std::from_chars(place.ptr + 1, end, bucket.count);
        const bool ends = count.ptr == end || *count.ptr == ',';
        if (count.ec != std::errc() || !ends || bucket.count <= 0) return std::nullopt;
        if (bucket.place > last_place) return std::nullopt;
        const bool ascends = read.buckets_.empty() || read.buckets_.back().place < bucket.place;
        if (!ascends) return std::nullopt;
        read.buckets_.push_back(bucket);
        read.count_ += bucket.count;
        at = count.ptr == end ? end : count.ptr + 1;
    }
    return read;
}

}  // namespace peercron
