#pragma once

#include "model/output_part.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace peercron {

/// A piece of a run's output as a reader gets it: text, or a gap. Positions are bytes of the
/// output.
struct OutputSpan {
    std::int64_t from = 0;
    std::int64_t to = 0;
    std::string text;  ///< UTF-8, 64 KiB at most; empty: these bytes are not kept

    bool is_gap() const { return text.empty(); }

    friend bool operator==(const OutputSpan&, const OutputSpan&) = default;
};

/// A reader's way through the output of a run: first as it is written, then as the ledger has it.
/// A character that comes in two parts is told in one piece.
class OutputText {
public:
    explicit OutputText(std::int64_t from) : told_(from) {}

    /// The byte to be read next.
    std::int64_t next() const { return told_ + static_cast<std::int64_t>(unfinished_.size()); }

    /// Up to where it was told: a reader who comes again begins here.
    std::int64_t told() const { return told_; }

    /// What is new in a part that was read from next() on.
    std::vector<OutputSpan> take(const OutputPart& part);

    /// What is left of the output of a run that has ended.
    /// @param text as OutputCapture::text() makes it. @param total of the command's bytes. Where
    /// some of them were no text, positions are not exact: what is left is then counted from the
    /// end.
    std::vector<OutputSpan> take_rest(std::string_view text, std::int64_t total);

private:
    void tell(std::vector<OutputSpan>& spans, std::string_view bytes, bool may_go_on);
    void skip(std::vector<OutputSpan>& spans, std::int64_t to);

    std::int64_t told_;
    std::string unfinished_;  // the beginning of a character
};

}  // namespace peercron
