#pragma once

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace peercron::testing {

/// Keeps what is logged, instead of writing it, until it is destroyed. For one at a time; the
/// threads that log end before it.
class ToldLog {
public:
    ToldLog() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("", sink_)); }
    ToldLog(const ToldLog&) = delete;
    ToldLog& operator=(const ToldLog&) = delete;
    ~ToldLog() { spdlog::set_default_logger(before_); }

    std::vector<std::string> lines() const { return sink_->lines(); }

    /// How many lines have this part.
    std::size_t count(std::string_view part) const
    {
        const auto has_part = [part](const std::string& line) {
            return line.find(part) != std::string::npos;
        };
        return static_cast<std::size_t>(std::ranges::count_if(lines(), has_part));
    }

private:
    class Sink final : public spdlog::sinks::base_sink<std::mutex> {
    public:
        std::vector<std::string> lines()
        {
            const std::lock_guard lock(mutex_);
            return lines_;
        }

    protected:
        void sink_it_(const spdlog::details::log_msg& message) override
        {
            lines_.emplace_back(message.payload.data(), message.payload.size());
        }
        void flush_() override {}

    private:
        std::vector<std::string> lines_;
    };

    std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
    std::shared_ptr<Sink> sink_ = std::make_shared<Sink>();
};

}  // namespace peercron::testing
