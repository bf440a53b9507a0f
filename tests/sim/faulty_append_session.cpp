#include "tests/sim/faulty_append_session.hpp"

#include "net/assert.hpp"
#include "s2/frame.hpp"
#include "s2/protobuf.hpp"

#include <array>

namespace sim {
namespace {

constexpr std::size_t length_bytes = 3;
constexpr std::size_t flags_at = 3;
constexpr unsigned terminal_flag = 0x80;
constexpr unsigned reconnect_advised_flag = 0x10;
constexpr unsigned even = 500; // per mille

std::size_t frame_size(std::string_view begin) {
    std::size_t length = 0;
    for (const char each : begin.substr(0, length_bytes))
        length = length << 8 | static_cast<unsigned char>(each);
    return length == 0 || length > s2::frame_bytes_max ? 0 : length_bytes + length;
}

} // namespace

faulty_append_session::faulty_append_session(parts_ptr parts, net::server_exchange& real, service_request on)
    : wrapped_exchange(std::move(parts), real, std::move(on)) {
    raise(parts_->watch.append_sessions_max, ++parts_->append_sessions[on_.stream]);
}

faulty_append_session::~faulty_append_session() {
    --parts_->append_sessions[on_.stream];
}

std::optional<fault> faulty_append_session::drawn() {
    if (silent_)
        return std::nullopt;
    if (const auto refused = parts_->refusal(on_))
        return refused;
    static constexpr std::array possible{
        fault::reset_before_append, fault::reset_during_append,
        fault::reset_after_append,  fault::lost_ack,
        fault::ack_after_reset,     fault::end_with_unacked,
        fault::rst_stream,          fault::reconnect_advised,
        fault::server_draining,     fault::error_500,
        fault::error_503,           fault::error_504,
        fault::rate_limited,        fault::slow_ack,
    };
    return parts_->strike(possible);
}

net::task<net::result<std::size_t>> faulty_append_session::read_some(net::asio::mutable_buffer into) {
    while (true) {
        if (left_ == 0 && !unframed_ && !verdict_ && received_.size() >= length_bytes)
            co_await begin_frame();
        if (verdict_)
            co_return net::make_error_code(net::error::eof);
        if (!received_.empty() && (left_ > 0 || unframed_))
            break;
        const auto got = co_await receive();
        if (!got && received_.empty())
            co_return got.error();
        unframed_ = unframed_ || !got; // it ends within a frame's length
    }
    std::size_t count = std::min(into.size(), received_.size());
    if (!unframed_)
        count = std::min(count, left_);
    if (cut_) {
        count = std::min(count, *cut_);
        if (count == 0) {
            const fault_ending broken{fault_ending::kind::reset, fault::reset_during_append};
            co_await end_here(broken);
        }
        *cut_ -= count;
    }
    const std::string_view bytes = received_.view().substr(0, count);
    net::asio::buffer_copy(into, net::asio::buffer(bytes));
    passed(bytes);
    received_.take(count);
    co_return count;
}

net::task<net::result<std::size_t>> faulty_append_session::receive() {
    std::array<char, 16 * 1024> piece;
    const auto got = co_await wrapped_exchange::read_some(net::asio::buffer(piece));
    if (got)
        received_.append({piece.data(), *got});
    co_return got;
}

net::task<> faulty_append_session::begin_frame() {
    left_ = frame_size(received_.view());
    unframed_ = left_ == 0;
    if (unframed_)
        co_return;
    meets_ = drawn();
    if (!meets_)
        co_return;
    switch (*meets_) {
    case fault::reset_before_append: {
        const fault_ending broken{fault_ending::kind::reset, meets_};
        co_await end_here(broken);
        break;
    }
    case fault::reset_during_append:
        cut_ = parts_->faults.source().between(1, left_ - 1);
        break;
    case fault::ack_after_reset:
        co_await hold_back();
        break;
    case fault::error_500:
    case fault::error_503:
    case fault::error_504:
    case fault::end_with_unacked:
    case fault::rst_stream:
        if (parts_->faults.source().chance(even))
            withhold(*meets_);
        break;
    default:
        if (means_nothing_applied(*meets_))
            withhold(*meets_);
    }
}

// The face takes it for the client's end, acknowledges what it has, and finishes.
void faulty_append_session::withhold(fault which) {
    verdict_ = which;
    left_ = 0;
}

// Nothing of this batch, nor of those that have arrived behind it, is passed on now; all of them later.
net::task<> faulty_append_session::hold_back() {
    while (received_.size() < left_) {
        const auto got = co_await receive();
        if (!got) {
            meets_.reset();
            co_return; // it will never be whole
        }
    }
    std::size_t whole = 0;
    const std::string_view all = received_.view();
    while (all.size() >= whole + length_bytes) {
        const std::size_t next = frame_size(all.substr(whole));
        if (next == 0 || all.size() < whole + next)
            break;
        whole += next;
    }
    apply_late(parts_, request(), std::string(all.substr(0, whole)), on_);
    const fault_ending counted_later{fault_ending::kind::reset, std::nullopt};
    co_await end_here(counted_later);
}

void faulty_append_session::passed(std::string_view bytes) {
    if (unframed_)
        return;
    frame_ += bytes;
    left_ -= bytes.size();
    if (left_ == 0)
        frame_passed();
}

void faulty_append_session::frame_passed() {
    batch one;
    one.frame_bytes = frame_.size();
    one.meets = std::exchange(meets_, std::nullopt);
    std::size_t records = 0;
    s2::frame_decoder decoder;
    decoder.feed(frame_);
    frame_.clear();
    s2::frame decoded;
    if (decoder.next(decoded) == s2::frame_decoder::outcome::frame)
        if (const auto input = s2::decode_append_input(decoded.payload)) {
            records = input->records.size();
            for (const auto& record : input->records)
                one.metered_bytes += s2::metered_bytes(record.headers, record.body);
        }
    frame_bytes_ += one.frame_bytes;
    metered_bytes_ += one.metered_bytes;
    service_watch& watch = parts_->watch;
    raise(watch.frame_bytes_max, one.frame_bytes);
    raise(watch.batch_records_max, records);
    raise(watch.batch_metered_bytes_max, one.metered_bytes);
    in_flight_.push_back(one);
    raise(watch.batches_in_flight_max, in_flight_.size());
    raise(watch.payload_bytes_in_flight_max, frame_bytes_);
    raise(watch.metered_bytes_in_flight_max, metered_bytes_);
}

void faulty_append_session::acknowledged() {
    frame_bytes_ -= in_flight_.front().frame_bytes;
    metered_bytes_ -= in_flight_.front().metered_bytes;
    in_flight_.pop_front();
}

net::task<net::error_code> faulty_append_session::write(std::span<const net::asio::const_buffer> from) {
    if (silent_)
        co_return net::error_code();
    std::string frames = joined(from);
    if (!established_) {
        const net::error_code lost = co_await send(std::move(frames));
        co_return lost;
    }
    std::string out;
    for (std::size_t at = 0; at < frames.size();) {
        const std::size_t size = frame_size(std::string_view(frames).substr(at));
        NET_ASSERT(size > 0 && at + size <= frames.size(), "the face writes whole frames");
        std::string one = frames.substr(at, size);
        at += size;
        failed_ = failed_ || (static_cast<unsigned char>(one[flags_at]) & terminal_flag) != 0;
        if (!failed_) {
            NET_ASSERT(!in_flight_.empty(), "one ack for each batch");
            if (const auto meets = in_flight_.front().meets) {
                const net::error_code lost = co_await send(std::move(out));
                if (lost)
                    co_return lost;
                out.clear();
                co_await ack_meets(*meets);
                if (silent_)
                    co_return net::error_code();
            }
            if (advised_)
                one[flags_at] = static_cast<char>(one[flags_at] | reconnect_advised_flag);
            acknowledged();
        }
        out += one;
    }
    const net::error_code lost = co_await send(std::move(out));
    co_return lost;
}

net::task<> faulty_append_session::ack_meets(fault which) {
    switch (which) {
    case fault::slow_ack:
        co_await parts_->slowly(slow_ack_min, slow_ack_max);
        parts_->fired(which, on_);
        break;
    case fault::reconnect_advised:
        advised_ = true;
        parts_->fired(which, on_);
        break;
    case fault::lost_ack:
        silent_ = true;
        parts_->fired(which, on_);
        break;
    default: {
        const fault_ending how = ending_of(which);
        co_await end_here(how);
    }
    }
}

fault_ending faulty_append_session::ending_of(fault which) const {
    using kind = fault_ending::kind;
    switch (which) {
    case fault::reset_after_append:
        return {kind::reset, which};
    case fault::rst_stream:
        return {kind::leave, which};
    case fault::end_with_unacked:
        return {kind::finish, which};
    default:
        return {kind::terminal, which};
    }
}

net::task<net::error_code> faulty_append_session::finish() {
    if (silent_)
        co_await hang();
    if (verdict_ && established_ && !failed_) {
        const fault_ending how = ending_of(*verdict_);
        co_await end_here(how);
    }
    const net::error_code lost = co_await wrapped_exchange::finish();
    co_return lost;
}

net::task<net::error_code> faulty_append_session::respond(net::response_head head, bool end) {
    responded_ = true;
    if (silent_)
        co_return net::error_code();
    established_ = head.status == 200;
    const net::error_code lost = co_await wrapped_exchange::respond(std::move(head), end);
    co_return lost;
}

} // namespace sim
