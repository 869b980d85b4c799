#include "http_client/name_lookups.hpp"

#include "base/throw_errno.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <spdlog/fmt/fmt.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>

namespace peercron {
namespace {

/// So many hosts are remembered before the old ones are looked for.
constexpr std::size_t many_hosts = 1000;

FileDescriptor open_eventfd()
{
    FileDescriptor event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) throw_errno("eventfd");
    return event;
}

std::string text_of(const addrinfo& info)
{
    std::array<char, NI_MAXHOST> text{};
    const int failed = ::getnameinfo(info.ai_addr, info.ai_addrlen, text.data(), text.size(),
                                     nullptr, 0, NI_NUMERICHOST);
    return failed != 0 ? std::string() : std::string(text.data());
}

/// A thread that takes no signal: those are the main thread's.
void start_thread(std::function<void()> work)
{
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::exception_ptr failure;
    try {
        std::thread(std::move(work)).detach();
    } catch (...) {
        failure = std::current_exception();
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (failure) std::rethrow_exception(failure);
}

}  // namespace

Result<Addresses> look_up_host(const std::string& host)
{
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (failed == EAI_SYSTEM) return Error{std::strerror(errno)};
    if (failed == EAI_AGAIN) return Error{"no DNS server has answered"};
    if (failed != 0) return Error{::gai_strerror(failed)};
    Addresses addresses;
    for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
        std::string text = text_of(*info);
        const bool is_new = std::ranges::find(addresses, text) == addresses.end();
        if (!text.empty() && is_new) addresses.push_back(std::move(text));
    }
    ::freeaddrinfo(found);
    if (addresses.empty()) return Error{"it has no address"};
    return addresses;
}

struct NameLookups::Lookup {
    std::string name;
    Result<Addresses> result{Error{}};
    Lookup* next = nullptr;
};

/// Where threads leave their answers. Outlives the NameLookups if it has to.
struct NameLookups::Mailbox {
    Mailbox() : event(open_eventfd()) {}
    Mailbox(const Mailbox&) = delete;
    Mailbox& operator=(const Mailbox&) = delete;
    ~Mailbox()
    {
        for (Lookup* left = take(); left != nullptr;) delete std::exchange(left, left->next);
    }

    void put(std::unique_ptr<Lookup> lookup)
    {
        Lookup* const mine = lookup.release();
        mine->next = answers.load(std::memory_order_relaxed);
        while (!answers.compare_exchange_weak(mine->next, mine, std::memory_order_release,
                                              std::memory_order_relaxed)) {
        }
        ::eventfd_write(event.get(), 1);
    }

    Lookup* take() { return answers.exchange(nullptr, std::memory_order_acquire); }

    FileDescriptor event;
    std::atomic<Lookup*> answers = nullptr;
};

/// Counts who waits for a host.
class NameLookups::Waiting {
public:
    explicit Waiting(Host& host) : host_(host) { ++host_.waiting; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { --host_.waiting; }

private:
    Host& host_;
};

NameLookups::NameLookups(asio::any_io_executor executor, LookupSettings settings)
    : executor_(std::move(executor)),
      settings_(std::move(settings)),
      mailbox_(std::make_shared<Mailbox>()),
      self_(std::make_shared<NameLookups*>(this)),
      news_(executor_, mailbox_->event.get())
{}

NameLookups::~NameLookups()
{
    close();
}

void NameLookups::close()
{
    if (std::exchange(*self_, nullptr) == nullptr) return;
    news_.release();  // it is the mailbox's
}

asio::awaitable<Result<Addresses>> NameLookups::find(std::string name, SteadyTime deadline)
{
    std::shared_ptr<Host>& place = hosts_[name];
    if (!place) place = std::make_shared<Host>(executor_);
    const std::shared_ptr<Host> host = place;
    if (is_known(*host)) co_return *host->answer;
    const Waiting waiting(*host);
    const unsigned before = host->answers;
    if (!std::exchange(host->is_looked_up, true)) {
        queue_.push_back(name);
        begin_some();
    }
    while (host->answers == before) {
        const bool is_news = co_await host->news.wait_until(deadline);
        if (is_news || std::chrono::steady_clock::now() < deadline) continue;
        const bool is_queued = std::ranges::find(queue_, name) != queue_.end();
        co_return Error{is_queued ? fmt::format("{} other lookups wait for DNS servers that do "
                                                "not answer",
                                                running_)
                                  : std::string("no DNS server has answered in time")};
    }
    co_return *host->answer;
}

bool NameLookups::is_known(const Host& host) const
{
    return host.answer && host.answer->has_value() &&
           std::chrono::steady_clock::now() < host.good_until;
}

void NameLookups::begin_some()
{
    while (running_ < settings_.most_at_once && !queue_.empty()) {
        const std::string name = std::move(queue_.front());
        queue_.pop_front();
        const auto found = hosts_.find(name);
        if (found == hosts_.end()) continue;
        if (found->second->waiting == 0) {
            found->second->is_looked_up = false;  // nobody wants it any more
            continue;
        }
        begin(name);
    }
}

void NameLookups::begin(const std::string& name)
{
    try {
        start_thread([name, look_up = settings_.look_up, mailbox = mailbox_] {
            auto lookup = std::make_unique<Lookup>();
            lookup->name = name;
            try {
                lookup->result = look_up(name);
            } catch (const std::exception& e) {
                lookup->result = Error{e.what()};
            }
            mailbox->put(std::move(lookup));
        });
    } catch (const std::exception& e) {
        answer(name, Error{fmt::format("no thread for the lookup: {}", e.what())});
        return;
    }
    ++running_;
    listen();
}

void NameLookups::listen()
{
    if (running_ == 0 || std::exchange(is_listening_, true)) return;
    news_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = self_](boost::system::error_code) {
                         if (*self == nullptr) return;
                         (*self)->is_listening_ = false;
                         (*self)->take_answers();
                         (*self)->begin_some();
                         (*self)->listen();
                     });
}

void NameLookups::take_answers()
{
    eventfd_t count = 0;
    ::eventfd_read(mailbox_->event.get(), &count);
    for (Lookup* next = mailbox_->take(); next != nullptr;) {
        const std::unique_ptr<Lookup> lookup(next);
        next = lookup->next;
        --running_;
        answer(lookup->name, std::move(lookup->result));
    }
}

void NameLookups::answer(const std::string& name, Result<Addresses> result)
{
    const auto found = hosts_.find(name);
    if (found == hosts_.end()) return;
    Host& host = *found->second;
    host.is_looked_up = false;
    host.answer = std::move(result);
    host.good_until = std::chrono::steady_clock::now() + settings_.remember;
    ++host.answers;
    host.news.notify();
    if (hosts_.size() > many_hosts) forget_old();
}

void NameLookups::forget_old()
{
    std::erase_if(hosts_, [this](const auto& host) {
        return host.second->waiting == 0 && !host.second->is_looked_up && !is_known(*host.second);
    });
}

}  // namespace peercron
