// What a server answers that is not a success: two bytes of status, then the body, as in a terminal frame;
// and JSON that it answers with.
#include "net/utf8.hpp"
#include "s2/config.hpp"
#include "s2/error.hpp"
#include "s2/frame.hpp"
#include "tests/fuzz/input.hpp"

#include <boost/json.hpp>

namespace {

// What a log line or a status answer may hold.
bool harmless(std::string_view text) {
    return net::valid_utf8(text) && text.size() <= 4096 && std::none_of(text.begin(), text.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
           });
}

void failure(unsigned status, std::string_view body) {
    const auto failure = s2::error::from_response(status, body);
    NET_ASSERT(harmless(failure.text()), "a server's words can't break a log line");
    NET_ASSERT(harmless(failure.code) && harmless(failure.message), "a server's words can't break an answer");
    const auto asks_for = s2::classify(failure);
    NET_ASSERT(!s2::name_of(asks_for).empty(), "every failure asks for something");
    NET_ASSERT(failure.what != s2::error::kind::condition || failure.seq_num_mismatch ||
                   failure.fencing_token_mismatch,
               "a condition says which one");
    NET_ASSERT(failure.what != s2::error::kind::range || failure.tail, "a range has its tail");
    NET_ASSERT(asks_for != s2::verdict::condition_failed || status == 412, "only 412 is a failed condition");
    NET_ASSERT(asks_for != s2::verdict::cancelled, "nobody but us cancels");
}

void configs(std::string_view body) {
    boost::system::error_code ec;
    const auto value = boost::json::parse(body, ec);
    if (ec)
        return;
    if (const auto config = s2::stream_config_from(value)) {
        const auto again = s2::stream_config_from(s2::to_json(*config));
        NET_ASSERT(again, "a stream's configuration written is one that can be read");
        NET_ASSERT(s2::to_json(*again) == s2::to_json(*config), "a stream's configuration stays what it was");
    }
    if (const auto config = s2::basin_config_from(value)) {
        const auto again = s2::basin_config_from(s2::to_json(*config));
        NET_ASSERT(again, "a basin's configuration written is one that can be read");
        NET_ASSERT(s2::to_json(*again) == s2::to_json(*config), "a basin's configuration stays what it was");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto inside = s2::decode_terminal(fuzz::text_of(data, size));
    if (!inside)
        return 0;
    const fuzz::tight body(inside->json);
    failure(inside->status, body.view());
    configs(body.view());
    return 0;
}
