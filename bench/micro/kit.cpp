#include "bench/micro/kit.hpp"

#include "s2/frame.hpp"

#include <boost/asio/co_spawn.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>

namespace bench {
namespace {

constexpr std::uint64_t mib = 1024 * 1024;

std::string whole_file(const char* path) {
    std::ifstream file(path, std::ios::binary);
    must(file.good(), path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const auto end = text.find('\n');
        must(end != text.npos, "every line ends with a newline");
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    return lines;
}

} // namespace

void give_up(std::string_view what) {
    std::fprintf(stderr, "bench: this does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

std::string_view generated_text() {
    static const std::string text = whole_file(RINGTAIL_BENCH_EVENTS);
    return text;
}

const std::vector<std::string_view>& generated_events() {
    static const auto lines = lines_of(generated_text());
    return lines;
}

const std::vector<std::string_view>& recorded_events() {
    static const std::string text = whole_file(RINGTAIL_BENCH_RECORDED);
    static const auto lines = lines_of(text);
    return lines;
}

const std::vector<std::string_view>& envelopes() {
    static std::string text;
    static const auto views = [] {
        agent::event_parser parser;
        std::vector<std::size_t> ends;
        for (const auto line : generated_events()) {
            auto outcome = parser.parse(line, agent::event_origin::intake);
            must(std::holds_alternative<agent::event>(outcome), "a generated event is valid");
            const auto& one = std::get<agent::event>(outcome);
            const auto seq = ends.size() + 1;
            const auto begin = text.size();
            text.resize(begin + agent::envelope_bytes(one, session_id, seq));
            agent::write_envelope(one, session_id, seq, text.data() + begin);
            ends.push_back(text.size());
        }
        std::vector<std::string_view> all;
        std::size_t begin = 0;
        for (const auto end : ends) {
            all.push_back(std::string_view(text).substr(begin, end - begin));
            begin = end;
        }
        return all;
    }();
    return views;
}

const std::vector<s2::record_view>& records() {
    static const auto all = [] {
        std::vector<s2::record_view> made;
        for (const auto line : envelopes())
            made.push_back({1'750'000'000'000 + made.size(), line});
        return made;
    }();
    return all;
}

const std::vector<std::string>& frames() {
    static const auto all = [] {
        std::vector<std::string> made;
        must(records().size() % s2::batch_records_max == 0, "the records fill whole batches");
        for (std::size_t first = 0; first < records().size(); first += s2::batch_records_max)
            append_frame(std::span(records()).subspan(first, s2::batch_records_max), made.emplace_back());
        return made;
    }();
    return all;
}

void append_frame(std::span<const s2::record_view> batch, std::string& out) {
    constexpr std::string_view token = "token-of-a-writer";
    const auto begin = s2::begin_frame(out);
    for (const auto& record : batch)
        s2::encode_record(record, out);
    s2::encode_conditions(1'000'000, token, out);
    s2::end_frame(out, begin, s2::compression::none);
}

std::uint64_t bytes_of(const std::vector<std::string_view>& texts) {
    std::uint64_t bytes = 0;
    for (const auto text : texts)
        bytes += text.size();
    return bytes;
}

void world::run(std::function<net::task<void>()> body) {
    std::exception_ptr failure;
    net::asio::co_spawn(loop, body(), [&](std::exception_ptr why) { failure = why; });
    loop.restart();
    loop.run();
    if (failure)
        std::rethrow_exception(failure);
}

scratch_directory::scratch_directory() {
    auto name = (std::filesystem::temp_directory_path() / "ringtail-bench-XXXXXX").string();
    must(::mkdtemp(name.data()) != nullptr, "a directory can be made for temporary files");
    path_ = name;
}

scratch_directory::~scratch_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::unique_ptr<agent::ring> open_ring(net::environment& env, const std::filesystem::path& dir) {
    agent::ring_recovery found;
    auto opened = agent::ring::open(env, {dir, 16 * mib, 2 * mib}, 0, found);
    must(opened.has_value(), "the ring opens");
    return std::move(*opened);
}

recording::recording()
    : journal(open_ring(real.env))
    , sessions(std::move(*agent::session_table::open(real.env, {})))
    , into(real.env, *journal, *sessions, *this) {
    agent::start_request request;
    request.id = session_id;
    must(into.start(request).index() == 0, "a capture session starts");
}

void recording::publish_generated() {
    for (const auto line : generated_events()) {
        const auto outcome = into.publish(line, agent::event_origin::intake);
        must(std::holds_alternative<agent::publish_accepted>(outcome), "an event is accepted");
    }
}

agent::place recording::place() {
    return {"bench-basin", "http://localhost", "http://localhost"};
}

agent::session_part recording::place_session(std::string_view, agent::seq_t from_seq) {
    return {place(), stream(), from_seq};
}

} // namespace bench
