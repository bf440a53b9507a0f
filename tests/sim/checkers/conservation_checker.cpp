#include "tests/sim/checkers/conservation_checker.hpp"

#include "agent/envelope_view.hpp"

#include <boost/json.hpp>

#include <set>

namespace sim {
namespace {

std::uint64_t number_in(const boost::json::object& status, std::string_view name) {
    const auto* value = status.if_contains(name);
    return value && value->is_number() ? value->to_number<std::uint64_t>() : 0;
}

} // namespace

void conservation_checker::expect_durable(std::size_t agent, net::time_point answered_by,
                                          std::string_view claim) const {
    const auto& events = book_.events();
    for (std::size_t number = 0; number < events.size(); ++number) {
        const auto& event = events[number];
        if (event.what != fate::accepted || event.taken_by != agent || event.answered_at > answered_by ||
            !event.landed.empty() || book_.covered_by_drop(event) || book_.taken_and_replaced(event))
            continue;
        throw verdict(exit_correctness, std::string(claim) + ", but event " + std::to_string(number) +
                                            " (seq " + std::to_string(event.seq.value_or(0)) +
                                            ") is not in S2");
    }
}

void conservation_checker::expect_adds_up(std::string_view status) const {
    const auto parsed = boost::json::parse(status).as_object();
    const auto accounted =
        number_in(parsed, "durable") + number_in(parsed, "undelivered") + number_in(parsed, "dropped");
    if (number_in(parsed, "published") != accounted)
        throw verdict(exit_correctness, "the status does not add up: " + std::string(status));
}

void conservation_checker::expect_counts(std::string_view status, const model_store& store) const {
    const auto parsed = boost::json::parse(status).as_object();
    const auto* session = parsed.if_contains("session_id");
    if (!session || !session->is_string())
        return;
    const auto collect = [&](std::span<const model_record> records, std::set<std::uint64_t>& into) {
        for (const auto& record : records)
            if (!record.is_command && agent::session_id_of_envelope(record.body) == session->get_string())
                if (const auto number = ledger::number_of(record.body))
                    into.insert(*number);
    };
    std::set<std::uint64_t> durable;
    std::set<std::uint64_t> readable;
    for (const auto& stream : store.streams()) {
        collect(store.ever_appended(stream.id), durable);
        collect(store.readable(stream.id), readable);
    }
    // What an outsider removed before it was acknowledged nobody can read back: told as dropped, it counts so.
    std::erase_if(durable, [&](std::uint64_t number) {
        return !readable.contains(number) && book_.covered_by_drop(book_.events().at(number));
    });
    if (number_in(parsed, "durable") != durable.size())
        throw verdict(exit_correctness, "S2 has " + std::to_string(durable.size()) +
                                            " events of the session: " + std::string(status));
}

} // namespace sim
