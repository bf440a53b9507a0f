#include "tests/sim/checkers/conservation_checker.hpp"

#include "agent/event/envelope_view.hpp"

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
            !event.landed.empty() || book_.dropped_rightly(event) || book_.taken_and_replaced(event))
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

conservation_checker::counted conservation_checker::count(std::string_view session, std::size_t agent,
                                                          net::time_point asked_at) const {
    counted sum;
    for (const auto& event : book_.events()) {
        if (event.session.empty() && event.what != fate::refused && event.taken_by == agent)
            ++sum.unknown;
        if (event.session != session)
            continue;
        ++sum.published;
        sum.answered += event.what == fate::accepted && event.answered_at < asked_at ? 1 : 0;
        sum.durable += event.landed.empty() ? 0 : 1;
        sum.dropped += event.landed.empty() && event.gone ? 1 : 0;
    }
    return sum;
}

void conservation_checker::expect_plausible(std::string_view status, std::size_t agent,
                                            net::time_point asked_at, bool outsiders) const {
    const auto parsed = boost::json::parse(status).as_object();
    const auto* session = parsed.if_contains("session_id");
    if (!session || !session->is_string())
        return;
    const auto sum = count(session->get_string(), agent, asked_at);
    const auto published = number_in(parsed, "published");
    const auto expect = [&status](bool holds, const std::string& what) {
        if (!holds)
            throw verdict(exit_correctness, what + ": " + std::string(status));
    };
    expect(published >= sum.answered, std::to_string(sum.answered) + " events were accepted by now");
    expect(published <= sum.published + sum.unknown,
           "only " + std::to_string(sum.published + sum.unknown) + " events were sent to this session");
    expect(number_in(parsed, "durable") <= sum.durable,
           "S2 has only " + std::to_string(sum.durable) + " events of the session");
    expect(outsiders || number_in(parsed, "dropped") <= sum.dropped,
           "only " + std::to_string(sum.dropped) + " events that S2 lacks went from the ring");
}

void conservation_checker::expect_counts(std::string_view status, const model_store& store,
                                         bool outsiders) const {
    const auto parsed = boost::json::parse(status).as_object();
    const auto* session = parsed.if_contains("session_id");
    if (!session || !session->is_string())
        return;
    const auto sum = count(session->get_string(), 0, {});
    if (number_in(parsed, "published") != sum.published)
        throw verdict(exit_correctness,
                      std::to_string(sum.published) +
                          " events of the session were in S2 or went from the ring: " + std::string(status));
    if (!outsiders && number_in(parsed, "dropped") != sum.dropped)
        throw verdict(exit_correctness,
                      std::to_string(sum.dropped) +
                          " events that S2 lacks went from the ring: " + std::string(status));
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
