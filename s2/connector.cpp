#include "s2/connector.hpp"

#include "net/http2/client.hpp"
#include "net/task/with_deadline.hpp"
#include "s2/transport.hpp"

#include <algorithm>
#include <map>

namespace s2 {

class connector::pool : public std::enable_shared_from_this<pool> {
public:
    pool(net::task_group& group, connector_options options)
        : group_(group)
        , options_(std::move(options))
        , transport_(group.env(), {options_.ca_file, options_.insecure}, options_.proxy)
        , alarm_(group.env().make_timer()) {}

    net::environment& env() { return group_.env(); }

    std::size_t usable() const {
        return static_cast<std::size_t>(std::count_if(hosts_.begin(), hosts_.end(), [](const auto& each) {
            return each.second->current && each.second->current->client->usable();
        }));
    }

    static net::task<result<std::shared_ptr<net::http_client>>>
    connect(std::shared_ptr<pool> self, net::url to, net::time_point deadline) {
        const std::shared_ptr<host> held = self->host_of(to);
        host& at = *held;
        for (;;) {
            if (at.current && at.current->client->usable())
                co_return self->lease(at.current);
            self->forget(at);
            if (!at.dialling)
                break;
            const auto seen = at.dials;
            const bool over = co_await net::wait_for(at.changed, [&] { return at.dials != seen; }, deadline);
            if (!over)
                co_return failure(to, net::make_error_code(net::error::timed_out));
            if (at.failed)
                co_return *at.failed;
        }
        const dial_in_progress dialling(at);
        const auto until =
            std::min(deadline, net::saturating_add(self->env().now(), self->options_.connect_timeout));
        std::string reason;
        auto made = co_await net::with_deadline(self->env(), until, self->dial(to, until, reason));
        if (!made) {
            auto why = failure(to, made.error());
            if (!reason.empty())
                why.message += " (" + reason + ")";
            // An abort of this one caller says nothing about the host.
            if (!net::is_cancelled(made.error()))
                at.failed = why;
            co_return why;
        }
        at.current = std::make_shared<connection>();
        at.current->client = std::move(*made);
        co_return self->lease(at.current);
    }

    void drop() {
        for (auto& [name, at] : hosts_)
            forget(*at);
    }

    static net::task<void> close(std::shared_ptr<pool> self) {
        self->alarm_->cancel();
        std::vector<std::shared_ptr<connection>> leaving;
        for (auto& [name, at] : self->hosts_)
            if (auto one = std::exchange(at->current, nullptr); one && one->users == 0)
                leaving.push_back(std::move(one));
        for (const auto& one : leaving)
            co_await one->client->close_gracefully();
    }

private:
    static constexpr std::size_t hosts_kept_max = 64; // beyond it, those without a connection are forgotten

    struct connection {
        std::unique_ptr<net::http_client> client;
        std::size_t users = 0;
        net::time_point unused_since{};
    };

    struct host {
        explicit host(net::environment& env)
            : changed(env) {}

        std::shared_ptr<connection> current;
        bool dialling = false;
        std::uint64_t dials = 0;     // finished ones
        std::optional<error> failed; // the last one's
        net::condition changed;
    };

    // However the dialling ends, by an abort too, those who wait for it go on.
    struct dial_in_progress {
        explicit dial_in_progress(host& at)
            : at_(at) {
            at_.dialling = true;
            at_.failed.reset();
        }

        ~dial_in_progress() {
            at_.dialling = false;
            ++at_.dials;
            at_.changed.notify();
        }

        host& at_;
    };

    static error failure(const net::url& to, net::error_code ec) {
        return error::from_transport(ec, false, "cannot connect to " + to.authority());
    }

    std::shared_ptr<host> host_of(const net::url& to) {
        const auto name = to.scheme + "://" + to.authority();
        if (hosts_.size() >= hosts_kept_max)
            std::erase_if(hosts_, [&](const auto& each) {
                return each.first != name && !each.second->current && each.second.use_count() == 1;
            });
        auto& at = hosts_[name];
        if (!at)
            at = std::make_shared<host>(env());
        return at;
    }

    net::task<net::result<std::unique_ptr<net::http_client>>> dial(const net::url& to, net::time_point until,
                                                                   std::string& reason) {
        net::result<std::unique_ptr<net::stream>> stream = net::make_error_code(net::error::unresolved);
        if (options_.dial)
            stream = co_await options_.dial(until);
        else
            stream = co_await transport_.dial(to, until, reason);
        if (!stream)
            co_return stream.error();
        auto client = co_await net::connect_http2(env(), std::move(*stream));
        co_return std::move(client);
    }

    std::shared_ptr<net::http_client> lease(const std::shared_ptr<connection>& of) {
        ++of->users;
        return {of->client.get(), [of, pool = weak_from_this()](net::http_client*) {
                    if (--of->users != 0)
                        return;
                    if (const auto alive = pool.lock())
                        alive->unused(of);
                }};
    }

    void unused(const std::shared_ptr<connection>& one) {
        one->unused_since = env().now();
        const bool kept = std::any_of(hosts_.begin(), hosts_.end(),
                                      [&](const auto& each) { return each.second->current == one; });
        if (kept && one->client->usable())
            arm();
        else
            retire(one);
    }

    // Nobody new gets this host's connection; those who hold it keep it.
    void forget(host& at) {
        if (const auto leaving = std::exchange(at.current, nullptr); leaving && leaving->users == 0)
            retire(leaving);
    }

    void retire(std::shared_ptr<connection> leaving) {
        group_.spawn([](std::shared_ptr<connection> one) -> net::task<> {
            co_await one->client->close_gracefully();
        }(std::move(leaving)));
    }

    void arm() {
        net::time_point first = net::never;
        for (const auto& [name, at] : hosts_)
            if (at->current && at->current->users == 0)
                first = std::min(first, net::saturating_add(at->current->unused_since, options_.idle_close));
        if (first == net::never)
            alarm_->cancel();
        else
            alarm_->start(first, [this] { close_unused(); });
    }

    void close_unused() {
        for (auto& [name, at] : hosts_)
            if (at->current && at->current->users == 0 &&
                net::saturating_add(at->current->unused_since, options_.idle_close) <= env().now())
                forget(*at);
        arm();
    }

    net::task_group& group_;
    connector_options options_;
    transport transport_;
    std::map<std::string, std::shared_ptr<host>> hosts_;
    std::unique_ptr<net::timer> alarm_;
};

connector::connector(net::task_group& group, endpoints where, connector_options options)
    : where_(std::move(where))
    , pool_(std::make_shared<pool>(group, std::move(options))) {}

connector::~connector() = default;

net::task<result<std::shared_ptr<net::http_client>>> connector::connect(net::url to,
                                                                        net::time_point deadline) {
    return pool::connect(pool_, std::move(to), deadline);
}

void connector::drop_connections() {
    pool_->drop();
}

net::task<void> connector::close() {
    return pool::close(pool_);
}

net::environment& connector::env() const {
    return pool_->env();
}

std::size_t connector::connections() const {
    return pool_->usable();
}

} // namespace s2
