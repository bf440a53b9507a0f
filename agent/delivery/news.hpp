#pragma once
// Which changes of delivery are told (product: system_durable_error): the sink's condition, and the streams
// that S2 refuses beside it. Each change once; when it may be told is the caller's business, who asks a
// copy first.

#include "agent/delivery/delivery.hpp"
#include "agent/event/system_events.hpp"

#include <map>
#include <optional>
#include <string>

namespace agent {

struct delivery_picture {
    delivery_condition condition = delivery_condition::idle;
    std::string reason;
    std::map<std::string, std::string> parked_streams; // with the reason; none where the sink is parked
};

struct news_item {
    durable_error_state state;
    std::string reason;

    bool operator==(const news_item&) const = default;
};

class delivery_news {
public:
    // The gravest change that was not told yet; it counts as told from now on.
    std::optional<news_item> next(const delivery_picture& now) {
        using enum delivery_condition;
        if (now.condition == parked) {
            if (condition_ == parked)
                return std::nullopt;
            condition_ = parked;
            return news_item{durable_error_state::parked, now.reason};
        }
        // A stream that works again and is refused again later is told again.
        std::erase_if(parked_streams_,
                      [&now](const auto& each) { return !now.parked_streams.contains(each.first); });
        if (auto fresh = freshly_parked(now); !fresh.empty()) {
            parked_streams_ = now.parked_streams;
            streams_parked_ = true;
            return news_item{durable_error_state::parked, std::move(fresh)};
        }
        if (now.condition == failing && condition_ != failing) {
            condition_ = failing;
            return news_item{durable_error_state::failing, now.reason};
        }
        const bool released = streams_parked_ && now.parked_streams.empty();
        if (now.condition == delivering && (condition_ == failing || condition_ == parked || released)) {
            condition_ = delivering;
            streams_parked_ = !now.parked_streams.empty();
            return news_item{durable_error_state::delivering, {}};
        }
        return std::nullopt;
    }

private:
    std::string freshly_parked(const delivery_picture& now) const {
        std::string text;
        std::size_t more = 0;
        for (const auto& [stream, reason] : now.parked_streams) {
            if (parked_streams_.contains(stream))
                continue;
            if (text.empty())
                text = "stream " + stream + ": " + reason;
            else
                ++more;
        }
        return more == 0 ? text : text + " (and " + std::to_string(more) + " more)";
    }

    delivery_condition condition_ = delivery_condition::idle;
    std::map<std::string, std::string> parked_streams_;
    bool streams_parked_ = false; // told, and not yet that all of them work again
};

} // namespace agent
