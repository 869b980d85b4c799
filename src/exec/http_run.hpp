#pragma once

#include "exec/output_capture.hpp"
#include "http_client/http_client.hpp"
#include "model/run.hpp"
#include "wire/message.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace peercron {

/// The request that an order of kind http asks for: placeholders filled, and with an
/// Idempotency-Key, the same for all attempts of a fire, unless the job has one of its own; a
/// rehearsal's has the header `Peercron-Rehearsal: 1`. It has no time limit: a run's is RunBook's.
HttpRequest http_request_of(const RunOrder& order);

/// Looks for a text in what comes piece by piece.
class TextSearch {
public:
    /// @param text empty: it is there.
    explicit TextSearch(std::string text) : text_(std::move(text)), is_found_(text_.empty()) {}

    void see(std::string_view piece);
    bool is_found() const { return is_found_; }

private:
    std::string text_;
    std::string last_;  // of what was seen, one byte less than the text
    bool is_found_;
};

/// How a run ended whose request was answered, or failed.
struct HttpVerdict {
    RunState state = RunState::failed;
    Reason reason;
};
HttpVerdict judge(const HttpAnswer& answer, const Job& job, bool has_text);

/// What the row shows above the body: where the time went, and the headers.
std::string head_of_output(const HttpAnswer& answer);

/// One run of a job of kind http: a request, and what becomes of it.
///
/// Lives on the executor's thread, until it is over.
class HttpRun {
public:
    HttpRun(HttpClient& client, const RunOrder& order, std::size_t max_output);
    HttpRun(const HttpRun&) = delete;
    HttpRun& operator=(const HttpRun&) = delete;
    ~HttpRun() = default;

    /// @param may_send see HttpRequest. @param on_end is called once, from the executor, and may
    /// destroy this.
    void start(const asio::any_io_executor& executor, std::function<bool()> may_send,
               std::function<void()> on_end);

    /// Ends the request at once; on_end is still to come. May be called again.
    void stop();

    bool is_over() const { return answer_ || !trouble_.empty(); }

    // Once it is over:
    HttpVerdict verdict() const;
    std::optional<int> status() const;
    std::string output() const;
    std::int64_t output_bytes() const;

    /// Where it stood when it was stopped: "waiting for the answer of 10.0.0.1:80".
    std::string progress() const { return progress_.text(); }

private:
    static asio::awaitable<void> carry_out(HttpRun& run);

    HttpClient& client_;
    const Job& job_;  // of the order, which outlives this
    HttpRequest request_;
    HttpProgress progress_;
    OutputCapture body_;
    TextSearch search_;
    asio::cancellation_signal stop_;
    std::optional<HttpAnswer> answer_;  // none: it was stopped
    std::string trouble_;               // of this program
    std::string head_;                  // of the output, once it is over
};

}  // namespace peercron
