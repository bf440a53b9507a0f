#include "agent/delivery/stream_delivery.hpp"

#include "net/assert.hpp"

#include <algorithm>

namespace agent {

namespace {

std::uint64_t random_bits(net::environment& env) {
    std::uint64_t bits = 0;
    env.random_bytes(std::as_writable_bytes(std::span(&bits, 1)));
    return bits;
}

} // namespace

stream_delivery::stream_delivery(delivery_context context, delivery_table::entry& entry)
    : context_(std::move(context))
    , entry_(entry)
    , feed_(context_.env, context_.journal, context_.sessions, entry.state,
            {context_.limits.linger, context_.limits.batch_records, context_.limits.batch_bytes})
    , wake_(context_.env)
    , retry_(net::retry_policy{})
    , ack_alarm_(context_.env.make_timer()) {}

stream_delivery::~stream_delivery() = default;

std::optional<std::uint64_t> stream_delivery::tail() const {
    if (!entry_.state.memory.claimed)
        return std::nullopt;
    return entry_.state.memory.durable;
}

std::string stream_delivery::lost_reason() const {
    const bool lost = writer_ && writer_->next().what == s2::writer_action::kind::lost;
    return lost ? writer_->lost_reason() : std::string();
}

void stream_delivery::flush() {
    flush_to_ = context_.journal.last_seq();
    if (!is_parked(condition_))
        hurry_ = true;
    wake_.notify();
}

void stream_delivery::retry_parked() {
    if (!is_parked(condition_) || trying_again_)
        return;
    trying_again_ = hurry_ = true;
    wake_.notify();
}

void stream_delivery::retire(bool wanted) {
    if (retiring_ == wanted)
        return;
    retiring_ = wanted;
    wake_.notify();
}

net::task<> stream_delivery::run() {
    std::string token = net::random_uuid(context_.env);
    writer_.emplace(entry_.state.memory, std::move(token), feed_);
    quiet_since_ = context_.env.now();
    co_await net::with_task_group(context_.env, [this](net::task_group& group) -> net::task<> {
        for (;;) {
            if (session_end_) {
                const setback met = take_session_end();
                co_await after(met.pause, met.why);
                continue;
            }
            freeze_due();
            s2::writer_action action = writer_->next();
            if (action.what == s2::writer_action::kind::lost) {
                feed_.accept_trusted();
                break;
            }
            if (action.what != s2::writer_action::kind::ready) {
                co_await perform(std::move(action), group);
                continue;
            }
            if (retiring_ && all_quiet()) {
                if (!writer_->session_open())
                    break;
                writer_->close_session();
                if (writer_->next().what == s2::writer_action::kind::half_close)
                    continue;
            }
            co_await rest();
        }
    });
}

// --- waiting

bool stream_delivery::all_quiet() const {
    return writer_->batches().empty() && idle_feed();
}

bool stream_delivery::idle_feed() const {
    return started_ && feed_.idle();
}

// Until there is something to decide: a wish, an ack, an end, new envelopes, the linger's end, the idle
// close.
net::task<> stream_delivery::rest() {
    net::time_point until = has_place_in_flight() ? feed_.pending().deadline() : net::never;
    const bool idle = all_quiet() && writer_->session_takes_batches();
    if (idle)
        until = std::min(until, net::saturating_add(quiet_since_, context_.limits.idle_close));
    const bool notified = co_await wake_.wait_until(until);
    if (!notified && idle && all_quiet() &&
        context_.env.now() >= net::saturating_add(quiet_since_, context_.limits.idle_close))
        writer_->close_session();
}

net::task<> stream_delivery::after(s2::writer::pause pause, const s2::error& why) {
    using enum s2::writer::pause;
    if (pause == none || pause == cancelled)
        co_return;
    if (pause != back_off) {
        refused_at_ = context_.env.now();
        set_condition(pause == park_sink ? stream_condition::sink_parked : stream_condition::stream_parked,
                      why.text());
        co_await rest_parked();
        co_return;
    }
    set_condition(stream_condition::failing, why.text());
    const net::duration at_least = why.retry_after.value_or(std::chrono::milliseconds(0));
    const auto until = *retry_.next(context_.env.now(), random_bits(context_.env), at_least);
    while (!hurry_ && context_.env.now() < until)
        co_await wake_.wait_until(until);
    if (hurry_)
        retry_.succeeded();
    hurry_ = false;
}

// A wish from before the refusal is answered by it.
net::task<> stream_delivery::rest_parked() {
    hurry_ = false;
    net::time_point until = net::saturating_add(context_.env.now(), park_retry);
    for (;;) {
        while (!hurry_ && context_.env.now() < until)
            co_await wake_.wait_until(until);
        if (hurry_ || context_.may_retry())
            break;
        until = net::saturating_add(context_.env.now(), park_retry_later);
    }
    trying_again_ = true;
    hurry_ = false;
}

// Who waits for a stream that is being tried again is told of each answer.
void stream_delivery::set_condition(stream_condition condition, std::string reason) {
    const bool changed = condition != condition_ || trying_again_;
    condition_ = condition;
    reason_ = std::move(reason);
    trying_again_ = false;
    if (changed)
        context_.on_condition();
}

void stream_delivery::progressed() {
    retry_.succeeded();
    set_condition(stream_condition::delivering, {});
    quiet_since_ = context_.env.now();
}

// --- the writer's wishes

net::task<> stream_delivery::perform(s2::writer_action action, net::task_group& group) {
    using kind = s2::writer_action::kind;
    switch (action.what) {
    case kind::check_tail:
        co_await check_tail();
        break;
    case kind::store_memory:
        co_await store_synced();
        break;
    case kind::fence:
        co_await append_fence(std::move(action));
        break;
    case kind::create_stream:
        co_await create_stream();
        break;
    case kind::read:
        co_await read_page(std::move(action));
        break;
    case kind::open:
        co_await open_session(group);
        break;
    case kind::send:
        co_await send();
        break;
    case kind::half_close:
        co_await half_close();
        break;
    case kind::ready:
    case kind::lost:
        break;
    }
    if (writer_->appending() && !started_) {
        feed_.start();
        started_ = true;
        progressed();
        context_.on_progress();
    }
}

net::time_point stream_delivery::call_deadline() const {
    return net::saturating_add(context_.env.now(), call_timeout);
}

void stream_delivery::remember_writer() {
    entry_.state.memory = writer_->memory();
    context_.deliveries.store(entry_);
}

// Before anything is sent: what may still come to the state has room then, too.
net::task<> stream_delivery::store_synced() {
    entry_.state.memory = writer_->memory();
    if (!storable(entry_.state)) {
        const auto why = s2::error::from_invalid("the delivery state of stream " + entry_.state.stream +
                                                 " holds more than its slot takes");
        co_await after(s2::writer::pause::park_stream, why);
        co_return;
    }
    context_.deliveries.store(entry_);
    auto& table = context_.deliveries;
    const net::error_code failed = co_await net::on_helper(context_.env, [&table] { return table.sync(); });
    if (!failed) {
        writer_->on_stored();
        co_return;
    }
    const auto why = s2::error::from_invalid("cannot store the delivery state: " + failed.message());
    co_await after(s2::writer::pause::back_off, why);
}

net::task<> stream_delivery::check_tail() {
    const auto tail = co_await context_.client.check_tail(entry_.state.stream, call_deadline());
    if (tail)
        writer_->on_tail(tail->seq_num);
    else
        co_await failed(tail.error());
}

net::task<> stream_delivery::append_fence(s2::writer_action action) {
    s2::append_input input;
    input.records.push_back(s2::fence_command(action.token));
    input.match_seq_num = action.match;
    input.fencing_token = action.condition;
    const auto ack = co_await context_.client.append(entry_.state.stream, std::move(input), call_deadline());
    if (!ack)
        co_await failed(ack.error());
    else if (ack->start.seq_num == action.match)
        writer_->on_fenced(ack->start.seq_num);
    else
        co_await failed(
            s2::error::from_protocol("the fence was acknowledged at another position than it asked for"));
}

net::task<> stream_delivery::create_stream() {
    const auto created = co_await context_.client.create_stream(entry_.state.stream, {}, call_deadline());
    if (created)
        writer_->on_created();
    else
        co_await failed(created.error());
}

net::task<> stream_delivery::read_page(s2::writer_action action) {
    s2::read_start start;
    start.from = s2::read_start::kind::seq_num;
    start.value = action.from;
    s2::read_limits limits;
    limits.count = std::min<std::uint64_t>(action.to - action.from, s2::batch_records_max);
    const auto page = co_await context_.client.read(entry_.state.stream, start, limits, call_deadline());
    if (!page) {
        co_await failed(page.error());
        co_return;
    }
    const seq_t judged_before = feed_.judged_to();
    writer_->on_page(page->records);
    remember_writer();
    if (feed_.judged_to() <= judged_before)
        co_return;
    // What was found where it belongs is as good as acknowledged, for whoever waits as well.
    ++ack_count_;
    progressed();
    context_.on_progress();
}

net::task<> stream_delivery::failed(const s2::error& why) {
    const auto pause = writer_->on_failure(why);
    co_await after(pause, why);
}

// --- batches

// The token is the claim's, and the claim reduced the set to it.
std::string_view stream_delivery::fencing_token() const {
    return writer_->memory().tokens.back();
}

// For the batch that is being gathered.
bool stream_delivery::has_place_in_flight() const {
    const auto& out = writer_->batches();
    const auto bytes = writer_->in_flight_bytes() + feed_.pending().metered_bytes();
    return out.empty() || (out.size() < context_.limits.in_flight && bytes <= in_flight_metered_bytes_max);
}

void stream_delivery::freeze_due() {
    if (!started_ || !writer_->appending())
        return;
    const auto now = context_.env.now();
    for (;;) {
        feed_.gather(now);
        auto& pending = feed_.pending();
        if (flush_to_ > entry_.state.durable_seq)
            pending.flush();
        if (!has_place_in_flight() || !pending.due(now))
            return;
        writer_->freeze(feed_.take());
        remember_writer();
    }
}

} // namespace agent
