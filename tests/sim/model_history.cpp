#include "tests/sim/model_history.hpp"

#include "agent/state/session_record_json.hpp"

#include <algorithm>

namespace sim {
namespace {

using agent::storage_error;

constexpr std::uint64_t file_bytes_max = 16 << 20;

storage_error error_of(const net::error_code& why) {
    const bool full = why == boost::system::errc::no_space_on_device;
    return {full ? storage_error::kind::full : storage_error::kind::io, why.message()};
}

} // namespace

model_history::stored<std::unique_ptr<agent::history_storage>>
model_history::open(net::environment& env, const std::filesystem::path& file, std::function<void()> unread) {
    std::unique_ptr<model_history> made(new model_history(env, file, std::move(unread)));
    if (!env.files().exists(file)) {
        if (auto begun = made->write({}); !begun)
            return begun.error();
    } else if (auto there = made->read(); !there) {
        return there.error();
    }
    return std::unique_ptr<agent::history_storage>(std::move(made));
}

model_history::stored<model_history::content> model_history::read() {
    const auto text = env_.files().read_all(file_, file_bytes_max);
    if (!text) {
        unread_();
        return error_of(text.error());
    }
    content all;
    for (std::string_view rest = *text; !rest.empty();) {
        const auto end = rest.find('\n');
        const auto line = rest.substr(0, end);
        auto session = agent::session_record_of_json(line);
        auto stream = session ? std::nullopt : agent::delivery_state_of_json(line);
        if (end == std::string_view::npos || (!session && !stream))
            return storage_error{storage_error::kind::corrupt, "a line that nobody wrote"};
        if (session)
            all.sessions.push_back(std::move(*session));
        else
            all.streams.push_back(std::move(*stream));
        rest.remove_prefix(end + 1);
    }
    return all;
}

model_history::stored<void> model_history::write(const content& all) {
    std::string text;
    for (const auto& one : all.sessions)
        text += agent::to_json_text(one) + "\n";
    for (const auto& one : all.streams)
        text += agent::to_json_text(one) + "\n";
    if (const auto failed = env_.files().replace(file_, text, 0600))
        return error_of(failed);
    return {};
}

model_history::stored<void> model_history::keep(const std::vector<agent::session_record>& sessions,
                                                const std::vector<agent::delivery_state>& streams) {
    auto all = read();
    if (!all)
        return all.error();
    for (const auto& one : sessions) {
        std::erase_if(all->sessions, [&one](const auto& each) { return each.id == one.id; });
        all->sessions.push_back(one);
    }
    for (const auto& one : streams) {
        std::erase_if(all->streams,
                      [&one](const auto& each) { return each.stream == one.stream && each.at == one.at; });
        all->streams.push_back(one);
    }
    return write(*all);
}

model_history::stored<std::optional<agent::session_record>>
model_history::find_session(const std::string& id) {
    const auto all = read();
    if (!all)
        return all.error();
    for (const auto& one : all->sessions)
        if (one.id == id)
            return std::optional(one);
    return std::optional<agent::session_record>();
}

model_history::stored<std::optional<agent::delivery_state>>
model_history::find_stream(const agent::place& at, const std::string& stream) {
    const auto all = read();
    if (!all)
        return all.error();
    for (const auto& one : all->streams)
        if (one.stream == stream && one.at == at)
            return std::optional(one);
    return std::optional<agent::delivery_state>();
}

// No world has an embedded store.
model_history::stored<std::vector<agent::session_record>> model_history::oldest_in_store(std::size_t) {
    return std::vector<agent::session_record>();
}

model_history::stored<void> model_history::left_store(const std::string&) {
    return {};
}

} // namespace sim
