#pragma once
// The history of one simulated agent in one small file of its machine's disk, written anew with each change:
// so it meets what strikes disks, dies with its machine, and is copied with the state directory. What
// sqlite_history does with a database.

#include "agent/state/history_storage.hpp"

#include <functional>

namespace sim {

class model_history final : public agent::history_storage {
public:
    template <class T>
    using stored = agent::stored<T>;

    // `unread` is told whenever the file is there and can't be read.
    static stored<std::unique_ptr<agent::history_storage>>
    open(net::environment& env, const std::filesystem::path& file, std::function<void()> unread);

    stored<void> keep(const std::vector<agent::session_record>& sessions,
                      const std::vector<agent::delivery_state>& streams) override;
    stored<std::optional<agent::session_record>> find_session(const std::string& id) override;
    stored<std::optional<agent::delivery_state>> find_stream(const agent::place& at,
                                                             const std::string& stream) override;
    stored<std::vector<agent::session_record>> oldest_in_store(std::size_t limit) override;
    stored<void> left_store(const std::string& id) override;

private:
    model_history(net::environment& env, std::filesystem::path file, std::function<void()> unread)
        : env_(env)
        , file_(std::move(file))
        , unread_(std::move(unread)) {}

    // As the disk has it: nothing is remembered beside it.
    struct content {
        std::vector<agent::session_record> sessions;
        std::vector<agent::delivery_state> streams;
    };

    stored<content> read();
    stored<void> write(const content& all);

    net::environment& env_;
    std::filesystem::path file_;
    std::function<void()> unread_;
};

} // namespace sim
