#include "agent/commands/bench_read_back.hpp"

#include "agent/archive/place_reader.hpp"
#include "s2/range_read.hpp"

#include <spdlog/spdlog.h>

#include <functional>
#include <limits>

namespace agent::commands {
namespace {

using namespace std::chrono_literals;

constexpr auto answer_patience = 30s;

// Runs `act` with a client of the place. A text: why there is none.
net::task<std::optional<std::string>> at_place(net::environment& env, const place& at, const config& from,
                                               std::function<net::task<>(s2::client&)> act) {
    std::optional<std::string> failure;
    std::unique_ptr<embedded_archive> archive; // outlives the group that its connections run in
    if (at.embedded()) {
        auto opened = embedded_archive::open(env, from.state_dir);
        if (auto* why = std::get_if<std::string>(&opened))
            co_return std::move(*why);
        archive = std::move(std::get<std::unique_ptr<embedded_archive>>(opened));
    }
    co_await net::with_task_group(env, [&](net::task_group& group) -> net::task<> {
        auto opened = place_reader::open(group, at, from, archive.get());
        if (auto* why = std::get_if<std::string>(&opened))
            failure = std::move(*why);
        else
            co_await act(std::get<std::unique_ptr<place_reader>>(opened)->basin());
    });
    co_return failure;
}

net::task<std::optional<std::string>> read_part(s2::client& basin, const replay_part& part,
                                                std::uint64_t position, load_verdict& into) {
    const auto why = [&part](const s2::error& failed) {
        return "cannot read stream " + part.stream + " in " + part.at.text() + ": " + failed.text();
    };
    const auto tail = co_await basin.check_tail(part.stream, basin.env().now() + answer_patience);
    if (!tail)
        co_return why(tail.error());
    s2::read_session_options options;
    options.give_up_after = answer_patience;
    s2::range_read range(basin, part.stream, position, tail->seq_num, options);
    const seq_t below = part.below_seq == 0 ? std::numeric_limits<seq_t>::max() : part.below_seq;
    for (;;) {
        const auto next = co_await range.next();
        if (!next)
            co_return why(next.error());
        if (std::holds_alternative<s2::end_of_range>(*next))
            co_return std::nullopt;
        if (const auto* missing = std::get_if<s2::missing_records>(&*next)) {
            spdlog::warn("records {} to {} of stream {} are gone (retention or trim)", missing->from,
                         missing->to - 1, part.stream);
            continue;
        }
        for (const auto& record : std::get<std::vector<s2::sequenced_record>>(*next))
            if (!s2::is_command(record))
                into.take(record.body, record.seq_num, below);
    }
}

} // namespace

net::task<stream_before> look_at_stream(net::environment& env, const config& from, std::string stream) {
    stream_before seen;
    const place at{from.s2.basin, from.s2.account_endpoint, from.s2.basin_endpoint};
    auto unusable = co_await at_place(env, at, from, [&](s2::client& basin) -> net::task<> {
        const auto tail = co_await basin.check_tail(stream, env.now() + answer_patience);
        seen.there = tail.has_value();
        if (tail)
            seen.tail = tail->seq_num;
        if (tail || tail.error().is_code("stream_not_found"))
            co_return;
        seen.failure = "cannot look at stream " + stream + " in " + at.text() + ": " + tail.error().text();
        const auto verdict = s2::classify(tail.error());
        if (verdict == s2::verdict::park_sink || verdict == s2::verdict::park_stream)
            seen.code = exit_code::parked;
    });
    if (unusable) {
        seen.failure = std::move(*unusable);
        seen.code = exit_code::usage;
    }
    co_return seen;
}

net::task<std::optional<std::string>> read_back(net::environment& env, const config& from,
                                                std::vector<replay_part> parts, std::uint64_t first_position,
                                                load_verdict& into) {
    std::optional<std::string> failure;
    for (std::size_t i = 0; i < parts.size() && !failure; ++i) {
        const replay_part& part = parts[i];
        auto unusable = co_await at_place(env, part.at, from, [&](s2::client& basin) -> net::task<> {
            failure = co_await read_part(basin, part, i == 0 ? first_position : 0, into);
        });
        if (unusable)
            failure = std::move(unusable);
    }
    co_return failure;
}

net::task<std::optional<std::string>> delete_streams(net::environment& env, const config& from,
                                                     std::vector<replay_part> parts) {
    std::optional<std::string> failure;
    for (const replay_part& part : parts) {
        auto unusable = co_await at_place(env, part.at, from, [&](s2::client& basin) -> net::task<> {
            const auto gone = co_await basin.delete_stream(part.stream, env.now() + answer_patience);
            if (!gone && !gone.error().is_code("stream_not_found") &&
                !gone.error().is_code("basin_not_found"))
                failure = "cannot delete stream " + part.stream + " in " + part.at.text() + ": " +
                          gone.error().text();
        });
        if (unusable)
            failure = std::move(unusable);
    }
    co_return failure;
}

} // namespace agent::commands
