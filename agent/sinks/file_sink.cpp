#include "agent/sinks/file_sink.hpp"

#include "agent/event/envelope_view.hpp"
#include "agent/event/system_events.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace agent {
namespace {

constexpr std::size_t gap_line_bytes = 300; // about
constexpr net::retry_policy write_retry{std::chrono::seconds(1), std::chrono::seconds(60), net::never};

} // namespace

file_sink::file_sink(net::environment& env, ring& journal, const session_table& sessions,
                     std::filesystem::path dir)
    : env_(env)
    , ring_(journal)
    , sessions_(sessions)
    , dir_(std::move(dir))
    , cursor_(journal, journal.first_seq())
    , retry_(write_retry)
    , told_(env) {}

std::filesystem::path file_sink::path_of(category of) const {
    return dir_ / (std::string(name_of(of)) + ".log");
}

net::task<void> file_sink::run() {
    for (;;) {
        const bool more = pending() || collect();
        if (!pending()) {
            if (ended_ && !more)
                co_return;
            if (!more)
                co_await net::wait_any(ring_.appended(), told_);
            continue;
        }
        if (status_.failing && !ended_ && env_.now() < next_try_) {
            co_await net::wait_any(ring_.appended(), told_);
            continue;
        }
        if (std::exchange(reopening_, false))
            for (auto& file : files_)
                file.handle.reset();
        const bool last_try = ended_ && status_.failing;
        auto job = [this] { return write_pending(); };
        const net::error_code ec = co_await net::on_helper(env_, std::move(job));
        if (!ec)
            written();
        else
            failed(ec);
        if (ec && last_try) {
            spdlog::error("the file sink leaves the events behind seq {} unwritten", status_.written_seq);
            co_return;
        }
    }
}

void file_sink::reopen() {
    reopening_ = true;
    next_try_ = {};
    told_.notify();
}

void file_sink::end() {
    ended_ = true;
    told_.notify();
}

void file_sink::announce(std::string envelope) {
    if (announcements_.size() >= file_announcements_max)
        announcements_.pop_front(); // the newest state is what counts
    announcements_.push_back(std::move(envelope));
    told_.notify();
}

bool file_sink::pending() const {
    return std::any_of(files_.begin(), files_.end(),
                       [](const log_file& one) { return !one.pending.empty(); });
}

// False: the ring's end is reached.
bool file_sink::collect() {
    for (; !announcements_.empty(); announcements_.pop_front())
        add_line(category::system, 0, announcements_.front());
    bool more = true;
    for (std::size_t bytes = 0; more && bytes < file_batch_bytes;) {
        const auto item = cursor_.next();
        if (const auto* entry = std::get_if<ring_entry>(&item)) {
            bytes += entry->line.size();
            add_line(category_of_envelope(entry->line), entry->seq, entry->line);
        } else if (const auto* gap = std::get_if<ring_gap>(&item)) {
            const auto piece = first_piece(sessions_, *gap);
            add_gap(piece);
            bytes += gap_line_bytes;
            cursor_.seek(piece.gap.to_seq + 1);
        } else {
            more = false;
        }
    }
    batch_to_ = cursor_.position() - 1;
    const auto* session = sessions_.at_seq(batch_to_);
    batch_session_ = session ? session->id : std::string();
    return more;
}

void file_sink::add_line(category to, seq_t seq, std::string_view line) {
    auto& file = files_[static_cast<std::size_t>(to)];
    if (seq != 0 && seq <= file.last_seq)
        return; // a killed agent wrote it
    file.pending += line;
    file.pending += '\n';
    file.pending_seq = std::max(file.pending_seq, seq);
}

void file_sink::add_gap(const gap_piece& piece) {
    const auto* session = piece.session != nullptr ? piece.session : sessions_.latest();
    const auto& gap = piece.gap;
    const auto ts = std::max<net::wall_micros>(env_.wall_now(), 0);
    add_line(category::system, gap.to_seq, events_dropped_envelope(session ? session->id : "", gap, ts));
    if (gap.reason != gap_reason::machine_crash)
        status_.missed += gap.to_seq - gap.from_seq + 1;
}

net::error_code file_sink::open_file(category of) {
    const auto path = path_of(of);
    auto opened = env_.files().open(path, true);
    // The directory may have gone with its files.
    if (!opened && opened.error() == boost::system::errc::no_such_file_or_directory &&
        !env_.files().create_directories(dir_, 0700))
        opened = env_.files().open(path, true);
    if (!opened)
        return opened.error();
    files_[static_cast<std::size_t>(of)].handle = std::move(*opened);
    return {};
}

// Every file is tried: what keeps one from being written need not keep another.
net::error_code file_sink::write_pending() {
    net::error_code first_failure;
    for (std::size_t i = 0; i < category_count; ++i) {
        auto& file = files_[i];
        if (file.pending.empty())
            continue;
        net::error_code ec;
        const auto path = path_of(static_cast<category>(i));
        if (file.handle && env_.files().fingerprint(path) != file.left_with)
            file.handle.reset(); // moved, removed, or touched by somebody, which costs nothing
        if (!file.handle)
            ec = open_file(static_cast<category>(i));
        if (!ec)
            ec = file.handle->append(file.pending);
        if (!ec) {
            file.left_with = env_.files().fingerprint(path);
            file.last_seq = std::max(file.last_seq, file.pending_seq);
            file.pending.clear();
            if (file.pending.capacity() > 2 * file_batch_bytes)
                file.pending.shrink_to_fit(); // after one very large envelope
        } else if (!first_failure) {
            first_failure = ec;
        }
    }
    if (!first_failure)
        store_position();
    return first_failure;
}

void file_sink::store_position() {
    if (!batch_session_.empty())
        position_->write(0, std::to_string(batch_to_) + " " + batch_session_);
}

void file_sink::written() {
    status_.written_seq = batch_to_;
    if (status_.failing)
        spdlog::info("the file sink writes to {} again", dir_.string());
    status_.failing = false;
    status_.reason.clear();
    retry_.succeeded();
}

void file_sink::failed(net::error_code why) {
    ++status_.failures;
    status_.reason = why.message();
    if (!status_.failing)
        spdlog::error("the file sink can't write to {}: {}; events wait in the ring", dir_.string(),
                      status_.reason);
    status_.failing = true;
    std::uint64_t random = 0;
    env_.random_bytes(std::as_writable_bytes(std::span(&random, 1)));
    next_try_ = retry_.next(env_.now(), random).value_or(net::never);
}

} // namespace agent
