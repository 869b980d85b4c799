#include "wire/peer_session.hpp"

#include "wire/codec.hpp"

#include <spdlog/fmt/fmt.h>

#include <memory>
#include <utility>

namespace peercron {
namespace {

constexpr std::size_t encrypted_at_once = 64 * 1024;  // one read of a busy connection
constexpr std::size_t kept_ciphertext = 1U << 20U;    // after a burst

}  // namespace

PeerSession::PeerSession(Greeting::Role role, GreetingSettings settings)
    : greeting_(role, settings), role_(role), context_(std::move(settings.tls))
{}

std::span<char> PeerSession::room()
{
    if (tls_) return arriving_;
    return frames_.room();
}

void PeerSession::filled(std::size_t size)
{
    if (!tls_) return frames_.filled(size);
    tls_->receive({arriving_.data(), size});
    if (has_shaken_hands_) decrypt();
}

void PeerSession::decrypt()
{
    while (!is_forged_) {
        const auto room = frames_.room();
        const auto size = tls_->read(room);
        if (!size) {
            is_forged_ = size.error();
        } else if (*size == 0) {
            return;
        } else {
            frames_.filled(*size);
        }
    }
}

PeerSession::Outcome PeerSession::greet(std::string& out)
{
    if (!std::exchange(has_begun_, true)) {
        if (Outcome outcome = take(greeting_.begin(), out)) return outcome;
    }
    if (tls_ && !has_shaken_hands_) {
        if (Outcome outcome = shake_hands(out)) return outcome;
        if (!has_shaken_hands_) return std::nullopt;
    }
    for (;;) {
        const auto frame = frames_.next();
        if (!frame) {
            return PeerError{
                PeerError::Kind::other,
                {},
                fmt::format("does not speak peercron's protocol: it {}", frame.error().message)};
        }
        if (!*frame) break;
        if (Outcome outcome = take(greeting_.receive(**frame), out)) return outcome;
        if (tls_ && !has_shaken_hands_) return std::nullopt;
    }
    if (is_forged_) return PeerError{PeerError::Kind::other, {}, is_forged_->message};
    if (is_closed_by_peer()) {
        return PeerError{PeerError::Kind::other, {}, "closed the connection in the greeting"};
    }
    return std::nullopt;
}

PeerSession::Outcome PeerSession::take(Greeting::Step step, std::string& out)
{
    if (step.send) {
        std::string frame;
        const std::size_t start = begin_frame(frame);
        frame += *step.send;
        end_frame(frame, start);
        if (tls_) {
            tls_->write(frame, out);
        } else {
            out += frame;
        }
    }
    if (step.is_encrypted_from_here) return start_tls(step.certificate, out);
    if (step.outcome && *step.outcome && !tls_) {
        receive_mac_.emplace((*step.outcome)->receive_key);
        send_mac_.emplace((*step.outcome)->send_key);
    }
    return std::move(step.outcome);
}

PeerSession::Outcome PeerSession::start_tls(const TlsContext& certificate, std::string& out)
{
    const bool is_client = role_ == Greeting::Role::client;
    const auto role = is_client ? PeerTls::Role::client : PeerTls::Role::server;
    is_by_certificates_ = certificate != nullptr;
    if (is_by_certificates_) {
        tls_.emplace(role, certificate);
    } else {
        tls_.emplace(role, std::move(context_));
    }
    arriving_.resize(encrypted_at_once);
    // What has arrived behind the frame in clear counts as encrypted: nobody on the way can slip
    // something in.
    tls_->receive(frames_.take_rest());
    return shake_hands(out);
}

PeerSession::Outcome PeerSession::shake_hands(std::string& out)
{
    const auto is_complete = tls_->handshake(out);
    if (!is_complete) {
        return PeerError{PeerError::Kind::authentication, {}, is_complete.error().message};
    }
    if (!*is_complete) return std::nullopt;
    has_shaken_hands_ = true;
    Outcome outcome = take(greeting_.encrypted(tls_->channel_binding()), out);
    decrypt();
    return outcome;
}

Result<std::optional<std::string_view>> PeerSession::next()
{
    const auto frame = frames_.next();
    if (!frame) return frame.error();
    if (!*frame) {
        if (is_forged_) return *is_forged_;
        return std::nullopt;
    }
    if (!receive_mac_) return **frame;
    const auto payload = receive_mac_->open(**frame);
    if (!payload) return Error{"a message was changed, repeated or left out on the way"};
    return *payload;
}

std::size_t PeerSession::append(std::string& queue, const Message& message)
{
    const std::size_t start = begin_frame(queue);
    const std::size_t payload = queue.size();
    append_encoded(queue, message);
    if (send_mac_) send_mac_->seal(queue, payload);
    end_frame(queue, start);
    return queue.size() - payload;
}

std::string_view PeerSession::protect(std::string_view queued)
{
    if (!tls_) return queued;
    leaving_.clear();
    if (leaving_.capacity() > kept_ciphertext) std::string().swap(leaving_);
    tls_->write(queued, leaving_);
    return leaving_;
}

std::string PeerSession::farewell()
{
    std::string bytes;
    if (tls_) tls_->close(bytes);
    return bytes;
}

}  // namespace peercron
