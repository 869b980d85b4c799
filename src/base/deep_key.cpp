#include "base/deep_key.hpp"

#include <algorithm>
#include <vector>

namespace peercron {
namespace {

constexpr std::size_t deepest = 100;

/// Follows a document token by token, as far as nesting asks for it.
class Scanner {
public:
    explicit Scanner(std::string_view toml) : rest_(toml) {}

    std::optional<std::size_t> find()
    {
        while (!rest_.empty()) {
            step();
            if (depth_ > deepest) return line_;
        }
        return std::nullopt;
    }

private:
    enum class Kind { line, table, list };

    /// What the text is in at the moment.
    struct Frame {
        Kind kind;
        bool in_key;        // dots part keys; in values they mean something else
        std::size_t depth;  // parts of the key so far, or the one level of a list
    };

    void step()
    {
        const char c = rest_.front();
        if (c == '#') return rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
        if (c == '"' || c == '\'') {
            begins_line_ = false;
            return skip_string(c);
        }
        rest_.remove_prefix(1);
        if (c == ' ' || c == '\t' || c == '\r') return;
        if (c == '\n') {
            ++line_;
            if (frames_.size() == 1) begin_line();
            return;
        }
        const bool begins_header = c == '[' && begins_line_;
        begins_line_ = false;
        if (begins_header) return begin_header();
        follow(c);
    }

    void follow(char c)
    {
        Frame& innermost = frames_.back();
        if (c == '.' && innermost.in_key) {
            ++innermost.depth;
            ++depth_;
        } else if (c == '=') {
            innermost.in_key = false;
        } else if (c == ',' && innermost.kind == Kind::table) {
            begin_key(innermost);
        } else if (c == '{') {
            open({Kind::table, true, 1});
        } else if (c == '[' && !in_header_) {
            open({Kind::list, false, 1});
        } else if ((c == '}' || c == ']') && frames_.size() > 1) {
            depth_ -= innermost.depth;
            frames_.pop_back();
        }
    }

    void open(Frame frame)
    {
        depth_ += frame.depth;
        frames_.push_back(frame);
    }

    void begin_key(Frame& frame)
    {
        depth_ = depth_ - frame.depth + 1;
        frame.depth = 1;
        frame.in_key = true;
    }

    /// The keys of the lines to come nest in the header above them.
    void begin_line()
    {
        if (in_header_) header_depth_ = frames_.front().depth;
        in_header_ = false;
        begins_line_ = true;
        depth_ = header_depth_ + frames_.front().depth;
        begin_key(frames_.front());
    }

    void begin_header()
    {
        in_header_ = true;
        header_depth_ = 0;
        depth_ = frames_.front().depth;
    }

    /// With escapes or without, of one line or of several; one line's ends with the line at the
    /// latest.
    void skip_string(char quote)
    {
        const auto is_quote = [quote](char c) { return c == quote; };
        const auto quotes_at = [&](std::size_t at, std::size_t most) {
            const std::string_view some = rest_.substr(at, most);
            return static_cast<std::size_t>(std::ranges::find_if_not(some, is_quote) -
                                            some.begin());
        };
        const std::size_t opening = quotes_at(0, 3);
        if (opening == 2) return rest_.remove_prefix(2);  // an empty one
        std::size_t at = opening;
        while (at < rest_.size()) {
            if (is_quote(rest_[at])) {
                // Up to two quotes may stand before the three that close.
                const std::size_t run = quotes_at(at, opening == 3 ? 5 : 1);
                at += run;
                if (run >= opening) break;
                continue;
            }
            if (rest_[at] == '\n') {
                if (opening == 1) break;
                ++line_;
            }
            const bool escapes =
                rest_[at] == '\\' && quote == '"' && at + 1 < rest_.size() && rest_[at + 1] != '\n';
            at += escapes ? 2 : 1;
        }
        rest_.remove_prefix(std::min(at, rest_.size()));
    }

    std::string_view rest_;
    std::size_t line_ = 1;
    std::vector<Frame> frames_{{Kind::line, true, 1}};  // from the outside in
    std::size_t depth_ = 1;                             // of the header and of all frames
    std::size_t header_depth_ = 0;
    bool in_header_ = false;
    bool begins_line_ = true;
};

}  // namespace

std::optional<std::size_t> find_deep_key(std::string_view toml)
{
    return Scanner(toml).find();
}

}  // namespace peercron
