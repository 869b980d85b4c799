#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// How often values of each size occurred: whole numbers from 0 on, as milliseconds or bytes.
///
/// Values below 8 are counted one by one, larger ones in buckets of which eight make a doubling (as
/// in HdrHistogram), so that a quantile is at most 1/16 away from the true one. The size is bounded
/// by the range of the values, not by how many there were.
class Distribution {
public:
    /// @param fades_at when this many values are counted, every count is halved: older values fade,
    ///     and about the newest `fades_at` of them decide. 0 = never.
    explicit Distribution(std::int64_t fades_at = 0) : fades_at_(fades_at) {}

    /// A negative value counts as 0.
    void add(std::int64_t value);
    void merge(const Distribution& other);

    /// Counted values; fewer than were added once they have faded.
    std::int64_t count() const { return count_; }

    /// The smallest value that a share of `share` (0 to 1) does not exceed; none while there are no
    /// values.
    std::optional<std::int64_t> quantile(double share) const;

    /// "0:12,35:2": buckets and counts.
    std::string to_text() const;
    /// nullopt: it is no such text.
    static std::optional<Distribution> parse(std::string_view text, std::int64_t fades_at = 0);

    friend bool operator==(const Distribution&, const Distribution&) = default;

private:
    struct Bucket {
        std::uint32_t place = 0;
        std::int64_t count = 0;

        friend bool operator==(const Bucket&, const Bucket&) = default;
    };

    void add(std::uint32_t place, std::int64_t count);
    void fade();

    std::int64_t fades_at_;
    std::int64_t count_ = 0;
    std::vector<Bucket> buckets_;  // by place; none with a count of 0
};

}  // namespace peercron
