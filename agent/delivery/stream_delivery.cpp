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
    , feed_(context_.env, context_.journal, context_.sessions, entry.state)
    , wake_(context_.env)
    , policy_(context_.limits.idle_close)
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
    policy_.flush();
    wake_.notify();
}

void stream_delivery::retry_parked() {
    policy_.retry_parked();
    wake_.notify();
}

void stream_delivery::retire(bool wanted) {
    if (policy_.retiring() == wanted)
        return;
    policy_.retire(wanted);
    wake_.notify();
}

net::task<> stream_delivery::run() {
    std::string token = net::random_uuid(context_.env);
    writer_.emplace(entry_.state.memory, std::move(token), feed_);
    policy_.begin(context_.env.now());
    co_await net::with_task_group(context_.env, [this](net::task_group& group) -> net::task<> {
        for (;;) {
            if (session_end_) {
                const setback met = take_session_end();
                set_back(met.pause, met.why);
                continue;
            }
            const batch_decision batch = pausing() ? batch_decision{} : freeze_due();
            s2::writer_action action = writer_->next();
            if (action.what == s2::writer_action::kind::lost) {
                feed_.accept_trusted();
                break;
            }
            const delivery_step step = policy_.next(context_.env.now(), facts(action, batch));
            if (step.what == delivery_step::kind::leave)
                break;
            if (step.what == delivery_step::kind::close_session)
                writer_->out().close_session();
            else if (step.what == delivery_step::kind::wait)
                co_await wake_.wait_until(step.until);
            else
                co_await perform(std::move(action), group);
        }
    });
}

// --- when

bool stream_delivery::pausing() {
    const auto now = context_.env.now();
    return policy_.pausing(now, !policy_.asks_for_its_turn(now) || context_.may_retry());
}

delivery_facts stream_delivery::facts(const s2::writer_action& action, const batch_decision& batch) const {
    delivery_facts known;
    known.resting = action.what == s2::writer_action::kind::ready;
    known.quiet = writer_->out().empty() && feed_.idle();
    known.session_open = writer_->out().session_open();
    known.session_takes_batches = writer_->out().session_takes_batches();
    known.batch_due = batch.until;
    return known;
}

void stream_delivery::set_back(s2::writer::pause pause, const s2::error& why) {
    if (policy_.on_failure(pause, why, context_.env.now(), random_bits(context_.env)))
        context_.on_condition();
}

void stream_delivery::progressed() {
    if (policy_.on_progress(context_.env.now()))
        context_.on_condition();
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
    if (writer_->appending() && !feed_.started()) {
        feed_.start();
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
        set_back(s2::writer::pause::park_stream, why);
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
    set_back(s2::writer::pause::back_off, why);
}

net::task<> stream_delivery::check_tail() {
    const auto tail = co_await context_.client.check_tail(entry_.state.stream, call_deadline());
    if (tail)
        writer_->on_tail(tail->seq_num);
    else
        failed(tail.error());
}

net::task<> stream_delivery::append_fence(s2::writer_action action) {
    s2::append_input input;
    input.records.push_back(s2::fence_command(action.token));
    input.match_seq_num = action.match;
    input.fencing_token = action.condition;
    const auto ack = co_await context_.client.append(entry_.state.stream, std::move(input), call_deadline());
    if (!ack)
        failed(ack.error());
    else if (ack->start.seq_num == action.match)
        writer_->on_fenced(ack->start.seq_num);
    else
        failed(s2::error::from_protocol("the fence was acknowledged at another position than it asked for"));
}

net::task<> stream_delivery::create_stream() {
    const auto created = co_await context_.client.create_stream(entry_.state.stream, {}, call_deadline());
    if (created)
        writer_->on_created();
    else
        failed(created.error());
}

net::task<> stream_delivery::read_page(s2::writer_action action) {
    s2::read_start start;
    start.from = s2::read_start::kind::seq_num;
    start.value = action.from;
    s2::read_limits limits;
    limits.count = std::min<std::uint64_t>(action.to - action.from, s2::batch_records_max);
    const auto page = co_await context_.client.read(entry_.state.stream, start, limits, call_deadline());
    if (!page) {
        failed(page.error());
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

void stream_delivery::failed(const s2::error& why) {
    set_back(writer_->on_failure(why), why);
}

// --- batches

// The token is the claim's, and the claim reduced the set to it.
std::string_view stream_delivery::fencing_token() const {
    return writer_->memory().tokens.back();
}

batch_decision stream_delivery::freeze_due() {
    if (!feed_.started() || !writer_->appending())
        return {};
    const auto& limits = context_.limits;
    const batch_limits limit{limits.linger, limits.batch_records, limits.batch_bytes, limits.in_flight};
    const auto now = context_.env.now();
    for (;;) {
        feed_.gather(now);
        const bool flush = flush_to_ > entry_.state.durable_seq;
        const auto& out = writer_->out();
        const auto decision =
            decide_batch(limit, {feed_.waiting(), flush, out.batches().size(), out.metered_bytes()}, now);
        if (decision.what != batch_decision::kind::freeze)
            return decision;
        writer_->freeze(feed_.take());
        remember_writer();
    }
}

} // namespace agent
