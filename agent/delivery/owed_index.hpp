#pragma once
// What each stream is owed: of its sessions' spans, as far as their parts lie in it, what is above the
// stream's durable seq. It is told of each change of a session or a stream, and answers without looking at
// any other: in a binary search of one stream, or in one for each stream that owes.
//
// 1. A session's spans and parts are taken as they are, also where its streams are not known (yet): what
//    nobody delivers is owed by nobody.
// 2. An open span reaches as far as seqs do; so a question says which seq is the last one published.
// 3. Pieces of one stream may overlap (a session that published nothing ends on the seq that the next one
//    begins with): each piece knows how far those before it and itself reach.

#include "agent/state/session_table.hpp"

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace agent {

struct seq_range {
    seq_t from = 0;
    seq_t to = 0; // inclusive

    bool operator==(const seq_range&) const = default;
};

class owed_index {
public:
    using stream_id = std::size_t; // the caller's: one a stream, small numbers

    // --- what changes
    void session_changed(const session_record& session); // a new one as well
    void session_gone(std::uint32_t number);
    void stream_added(stream_id id, const place& at, std::string_view name, seq_t durable);
    void stream_gone(stream_id id);
    void durable_moved(stream_id id, seq_t durable);

    // --- answers; `last` is the last seq published
    // Streams that owe something, or will with their session's next event; in the order in which they came.
    const std::vector<stream_id>& may_owe() const { return may_owe_; }

    std::optional<stream_id> find(const place& at, std::string_view name) const;
    std::optional<seq_t> first_owed(stream_id id, seq_t last) const;

    bool owes(stream_id id, seq_t last) const { return first_owed(id, last).has_value(); }

    bool owes_within(stream_id id, seq_range within) const; // within.to is no higher than the last seq
    std::optional<seq_t> first_owed(seq_t last) const;      // of all streams
    bool owes_within(seq_range within) const;
    // Rising, with a hole between any two.
    std::vector<seq_range> ranges(stream_id id, seq_t last) const;
    std::vector<seq_range> ranges_of_session(std::uint32_t number, seq_t last) const; // in all its streams

private:
    struct key {
        place at;
        std::string name;
    };

    struct key_view {
        const place& at;
        std::string_view name;
    };

    struct by_name {
        using is_transparent = void;

        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            const auto order = std::string_view(a.name) <=> std::string_view(b.name);
            return order != 0 ? order < 0 : (a.at <=> b.at) < 0;
        }
    };

    struct piece {
        seq_t from;
        seq_t to;
        std::uint32_t session;
        seq_t reach; // the highest `to` of this one and all before it
    };

    struct stream {
        std::vector<piece> pieces; // by `from`
        bool known = false;        // it was added, and the rest is of use
        stream_id id = 0;
        std::uint64_t came = 0;
        seq_t durable = 0;
        bool may_owe = false;
    };

    using streams = std::map<key, stream, by_name>;

    const stream* known(stream_id id) const;
    stream& named(const place& at, std::string_view name);
    void update(stream& changed);
    static void insert(stream& into, piece fresh);
    static void set_reach(stream& of, std::size_t from_index);
    static std::size_t first_reaching(const stream& of, seq_t seq);
    static std::optional<seq_t> first_owed(const stream& of, seq_t last);

    streams streams_;
    std::vector<stream*> by_id_;
    std::unordered_map<std::uint32_t, std::vector<stream*>> of_session_;
    std::vector<stream_id> may_owe_;
    std::uint64_t came_ = 0;
};

} // namespace agent
