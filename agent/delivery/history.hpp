#pragma once
// Sessions that are delivered and ended leave the tables for the history, with the delivery state of their
// streams, and come back from there when they are reopened (product: limits, `sessions.db`).
//
// 1. A row is committed before its slot is freed, and a slot is freed only where it still is what was
//    committed. While both are there, the table counts.
// 2. A slot is stored and synced before who came back is used; the row may stay. A stream's row counts only
//    while the delivery table knows nothing of that stream, so it never replaces a newer state.
// 3. A stream leaves with the last session of the tables that refers to it. Where the template names one
//    stream for all, that one and those that continue it stay: that it is lost must be known though the
//    history can't be read.
// 4. The history is a convenience. A file that will never do is set aside; what can't be written stays in the
//    tables, is tried again when something changes, and gives way there as if there were no history. A
//    session that is reopened while it can't be read begins anew: its events stay, its counts are of what
//    comes now.

#include "agent/delivery/s2_sink.hpp"
#include "agent/state/history_storage.hpp"
#include "net/task/condition.hpp"

namespace agent {

struct history_setup {
    history_opener open;
    std::function<bool()> directory_lost = {}; // then nothing is made there any more
    // Beyond so many sessions or streams in the tables the oldest leave them.
    std::size_t sessions_kept = sessions_max / 2;
    std::size_t streams_kept = deliveries_max / 2;
};

class history {
public:
    // Without a directory there is none, and nothing here does anything.
    history(net::environment& env, std::filesystem::path state_dir, session_table& sessions,
            delivery_table& deliveries, s2_sink& sink, history_setup setup);
    ~history();

    // Before a session is started, reopened or resumed: brings it back, and the stream that it goes on in;
    // and makes room in full tables.
    net::task<> recall(std::optional<std::string> id);
    // Moves what may leave, until aborted.
    net::task<> run();
    // Folds the log into the file and closes it.
    net::task<> close();

    // For who makes room in the embedded store.
    net::task<std::vector<session_record>> oldest_in_store(std::size_t limit);
    net::task<> left_store(std::string id);

private:
    struct leaving {
        std::vector<session_record> sessions; // as they stand in the table,
        std::vector<session_record> whole;    // and as they are kept
        std::vector<delivery_state> streams;

        bool empty() const { return sessions.empty() && streams.empty(); }
    };

    leaving choose() const;
    bool may_leave(const session_record& session) const;
    bool fuller_than(std::size_t sessions, std::size_t streams) const;
    bool free(const leaving& kept);
    net::task<bool> move_some();
    net::task<bool> bring_session_back(std::string id);
    net::task<bool> bring_stream_back(std::string id);

    // On the helper; nothing where it failed, which has been told.
    template <class Value>
    net::task<std::optional<Value>> with_storage(bool create,
                                                 std::function<stored<Value>(history_storage&)> use);
    void failed(const storage_error& why);
    bool will_never_do(const storage_error& why);
    std::string set_aside();

    net::environment& env_;
    std::filesystem::path file_; // empty: none
    session_table& sessions_;
    delivery_table& deliveries_;
    s2_sink& sink_;
    history_setup setup_;
    std::unique_ptr<history_storage> storage_; // used on the helper only
    net::condition moved_;
    bool moving_ = false;
    int recalls_ = 0; // under way: nothing leaves that one of them has just brought back
    net::time_point next_try_ = net::time_point::min();   // after a failure
    net::time_point look_again_ = net::time_point::min(); // where nothing was found that may leave,
    std::uint64_t looked_at_ = 0;                         // at this generation of the sessions
    std::string told_;                                    // the failure that was logged last
};

} // namespace agent
