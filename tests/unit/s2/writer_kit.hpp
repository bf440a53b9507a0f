#pragma once
// A writer driven by hand: reports made short, and a judge with a script.

#include "s2/writer.hpp"

#include <gtest/gtest.h>

namespace s2::test {

using kind = writer_action::kind;
using pause = writer::pause;

class counted_records final : public batch_content {
public:
    counted_records(std::size_t records, std::uint64_t metered_bytes)
        : views_(records)
        , metered_bytes_(metered_bytes) {}

    std::span<const record_view> views() const override { return views_; }

    std::uint64_t metered_size() const override { return metered_bytes_; }

private:
    std::vector<record_view> views_;
    std::uint64_t metered_bytes_;
};

inline std::unique_ptr<batch_content> batch_of(std::size_t records, std::uint64_t metered_bytes) {
    return std::make_unique<counted_records>(records, metered_bytes);
}

// Judges by a script of the bodies that are ours, in order.
class scripted_judge final : public record_judge {
public:
    std::deque<std::string> ours;
    std::string foreign_session = "theirs";
    std::vector<proof> durable;

    void on_durable(std::unique_ptr<batch_content>, proof how) override { durable.push_back(how); }

    std::size_t take_resolved() { return std::exchange(durable, {}).size(); }

    bool is_ours(const sequenced_record& record) override {
        if (ours.empty() || ours.front() != record.body)
            return false;
        ours.pop_front();
        return true;
    }

    bool shows_another_writer(const sequenced_record& record) override {
        return record.body == foreign_session;
    }

    bool predates_ours(const sequenced_record& record) override { return record.body == "older"; }
};

inline sequenced_record data(std::uint64_t seq, std::string body) {
    return {seq, 1, {}, std::move(body)};
}

inline sequenced_record fence(std::uint64_t seq, std::string token) {
    return {seq, 1, {{"", "fence"}}, std::move(token)};
}

inline error lost_connection() {
    return error::from_transport(boost::asio::error::connection_reset, true);
}

inline error seq_mismatch(std::uint64_t tail) {
    return error::from_response(412, R"({"seq_num_mismatch":)" + std::to_string(tail) + "}");
}

inline error token_mismatch(const std::string& token) {
    return error::from_response(412, R"({"fencing_token_mismatch":")" + token + "\"}");
}

inline error api(unsigned status, const std::string& code) {
    return error::from_response(status, R"({"code":")" + code + R"(","message":"m"})");
}

inline append_ack ack(std::uint64_t start, std::uint64_t end) {
    return {{start, 1}, {end, 1}, {end, 1}};
}

struct writer_test : testing::Test {
    scripted_judge judge;

    writer fresh(std::string token = "t1") { return {writer_memory{}, std::move(token), judge}; }

    // A stream that has been claimed before, durable up to `durable`.
    writer known(std::uint64_t durable, std::vector<std::string> tokens = {"t0"}, std::string token = "t1") {
        writer_memory memory;
        memory.claimed = true;
        memory.durable = durable;
        memory.tokens = std::move(tokens);
        return {memory, std::move(token), judge};
    }

    // Nothing but that; of a fence or a read the rest is as it may be.
    void expect(const writer& of, kind what) {
        if (what == kind::fence || what == kind::read)
            EXPECT_EQ(name_of(of.next().what), name_of(what));
        else
            EXPECT_EQ(of.next(), writer_action{what});
    }

    void expect_fence(const writer& of, std::uint64_t match, std::optional<std::string> condition) {
        EXPECT_EQ(of.next(),
                  (writer_action{kind::fence, match, std::move(condition), of.memory().tokens.back()}));
    }

    void expect_read(const writer& of, std::uint64_t from, std::uint64_t to) {
        writer_action read{kind::read};
        read.from = from;
        read.to = to;
        EXPECT_EQ(of.next(), read);
    }

    // A writer that appends from position 1 on (its fence stands at 0).
    writer appending() {
        writer one = fresh();
        one.on_tail(0);
        one.on_stored();
        one.on_fenced(0);
        one.on_stored();
        return one;
    }

    // Two batches out in an open session: [1,3) and [3,4).
    writer with_two_out() {
        writer one = appending();
        one.freeze(batch_of(2, 100));
        one.freeze(batch_of(1, 50));
        one.out().on_opened();
        one.out().on_sending();
        one.out().on_sending();
        return one;
    }
};

} // namespace s2::test
