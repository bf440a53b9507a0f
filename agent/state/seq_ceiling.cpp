#include "agent/state/seq_ceiling.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>

namespace agent {
namespace {

constexpr std::size_t value_bytes_max = 64;
constexpr net::duration again_after = std::chrono::seconds(1); // where the disk refused it

} // namespace

net::result<std::unique_ptr<seq_ceiling>> seq_ceiling::open(net::environment& env,
                                                            const std::filesystem::path& state_dir) {
    auto slot =
        slot_file::open(env, state_dir.empty() ? state_dir : state_dir / "seq-ceiling", 1, value_bytes_max);
    if (!slot)
        return slot.error();
    auto ceiling = std::make_unique<seq_ceiling>();
    ceiling->slot_ = std::move(*slot);
    const auto value = ceiling->slot_->read(0);
    if (!value)
        return ceiling->slot_->damaged(0)
                   ? net::result<std::unique_ptr<seq_ceiling>>(make_error_code(net::error::corrupt))
                   : std::move(ceiling);
    const auto [end, bad] = std::from_chars(value->data(), value->data() + value->size(), ceiling->stored_);
    if (bad != std::errc() || ceiling->stored_ > seq_ceiling_max || end != value->data() + value->size())
        return make_error_code(net::error::corrupt);
    return ceiling;
}

net::error_code seq_ceiling::reserve_behind(seq_t seq) {
    const seq_t ceiling = seq + seq_block;
    slot_->write(0, std::to_string(ceiling));
    const net::error_code failed = slot_->sync();
    if (!failed)
        stored_ = ceiling;
    return failed;
}

net::task<void> seq_ceiling::keep_ahead(net::environment& env, ring& journal) {
    net::error_code told;
    for (;;) {
        const seq_t from = journal.last_seq();
        if (stored_ >= from + seq_block / 2) {
            co_await journal.appended().wait();
            continue;
        }
        const net::error_code failed =
            co_await net::on_helper(env, [this, from] { return reserve_behind(from); });
        journal.allow_seqs(stored_, failed ? failed.message() : std::string());
        if (failed && failed != told)
            spdlog::error(
                "cannot reserve seqs ahead: {}; {} are left, then events are refused until it works",
                failed.message(), stored_ - std::min(stored_, journal.last_seq()));
        else if (!failed && told)
            spdlog::info("seqs are reserved ahead again");
        told = failed;
        if (failed)
            co_await net::sleep_until(env, net::saturating_add(env.now(), again_after));
    }
}

} // namespace agent
