#pragma once
// What one stream decides about an append (§2.10, §6.1–6.4). Plain: no Asio, no storage, the time is passed
// in.
//
// Invariants:
// 1. The accepted tail counts batches that are accepted but not yet durable; the durable tail never passes
//    it. Both only rise, until reset() takes everything that is not durable back.
// 2. A batch is accepted whole or changes nothing.
// 3. A refusal names what it rests on: the caller tells it only when everything below that seq_num is
//    durable, so that the number or token in it is never taken back.
// 4. Timestamps never fall along the stream.

#include "s2/local/config.hpp"
#include "s2/local/failure.hpp"

namespace s2::local {

class stream_state {
public:
    // As read from the storage: everything there is durable.
    stream_state(const stream_row& row, stream_config config);

    struct accepted {
        batch_row row;
        stream_change change; // what its commands set; both members empty: nothing
        stream_position start;
        stream_position end; // the last record's timestamp
    };

    struct refused {
        failure why;
        std::uint64_t rests_on = 0; // tell it once the durable tail is at or above
    };

    // The input is valid in itself (invalid_reason). `wall_ms`: now.
    std::variant<accepted, refused> append(append_input&& input, std::int64_t wall_ms);

    // A transaction with this batch was committed. In the order of acceptance.
    void committed(const accepted& batch);
    // A transaction failed: whatever was accepted and is not durable never was.
    void reset();

    void reconfigure(stream_config config) { config_ = std::move(config); }

    const stream_config& config() const { return config_; }

    stream_position tail() const { return tail_; }

    stream_position durable_tail() const { return durable_tail_; }

    std::uint64_t durable_trim_point() const { return durable_trim_point_; }

    const std::string& fencing_token() const { return fencing_token_; }

    bool all_durable() const { return tail_ == durable_tail_; }

private:
    struct commands {
        std::optional<std::string> fencing_token;
        std::uint64_t fence_end = 0;
        std::optional<std::uint64_t> trim_point;
    };

    std::optional<std::uint64_t> timestamp_for(const append_record& record, std::uint64_t now_ms) const;

    std::int64_t id_;
    stream_config config_;
    stream_position tail_, durable_tail_;
    std::string fencing_token_, durable_fencing_token_;
    std::uint64_t fence_end_ = 0; // one behind the record that set the token; 0: durable for long
    std::uint64_t trim_point_ = 0, durable_trim_point_ = 0;
};

} // namespace s2::local
