// S2S frames: the decoder over a stream of bytes, and the encoder over a payload.
#include "s2/frame.hpp"
#include "tests/fuzz/input.hpp"

namespace {

struct decoded {
    std::vector<s2::frame> frames;
    std::string reason; // of the frame that is bad
    bool empty = false; // nothing is held
};

void take_frames(s2::frame_decoder& decoder, decoded& into) {
    s2::frame one;
    auto outcome = decoder.next(one);
    for (; outcome == s2::frame_decoder::outcome::frame; outcome = decoder.next(one)) {
        NET_ASSERT(one.payload.size() <= s2::payload_bytes_max, "a payload is within its limit");
        into.frames.push_back(one);
    }
    const bool bad = outcome == s2::frame_decoder::outcome::bad;
    NET_ASSERT(bad == !decoder.reason().empty(), "a bad frame has a reason, and nothing else has");
    into.reason = decoder.reason();
    into.empty = decoder.empty();
}

decoded decoded_from(std::string_view bytes, fuzz::cut where) {
    s2::frame_decoder decoder;
    decoded all;
    take_frames(decoder, all);
    fuzz::in_pieces(bytes, where, [&](std::string_view piece) {
        decoder.feed(piece);
        take_frames(decoder, all);
        return true;
    });
    return all;
}

bool same(const s2::frame& a, const s2::frame& b) {
    return a.terminal == b.terminal && a.reconnect_advised == b.reconnect_advised && a.payload == b.payload;
}

void decode(std::string_view bytes) {
    const auto whole = decoded_from(bytes, fuzz::cut::nowhere);
    for (const auto where : {fuzz::cut::somewhere, fuzz::cut::everywhere}) {
        const auto pieces = decoded_from(bytes, where);
        NET_ASSERT(std::equal(whole.frames.begin(), whole.frames.end(), pieces.frames.begin(),
                              pieces.frames.end(), same),
                   "cuts change no frame");
        NET_ASSERT(whole.reason == pieces.reason, "cuts change no verdict");
        NET_ASSERT(!whole.reason.empty() || whole.empty == pieces.empty,
                   "cuts change nothing about what is held");
    }

    for (const auto& frame : whole.frames) {
        if (!frame.terminal)
            continue;
        const auto inside = s2::decode_terminal(frame.payload);
        NET_ASSERT(inside.has_value() == (frame.payload.size() >= 2),
                   "a terminal frame needs its status only");
        if (!inside)
            continue;
        std::string again;
        s2::encode_terminal_frame(inside->status, inside->json, again);
        NET_ASSERT(
            same(decoded_from(again, fuzz::cut::nowhere).frames.at(0), s2::frame{true, false, frame.payload}),
            "a terminal frame encoded again is the same");
    }
}

void encode(std::string_view payload) {
    for (const auto with : {s2::compression::none, s2::compression::zstd, s2::compression::gzip}) {
        const bool advised = with == s2::compression::zstd;
        std::string wire;
        s2::encode_frame(payload, with, wire, advised);
        const auto back = decoded_from(wire, fuzz::cut::nowhere);
        NET_ASSERT(back.frames.size() == 1 && back.reason.empty() && back.empty, "one frame is one frame");
        NET_ASSERT(same(back.frames[0], s2::frame{false, advised, std::string(payload)}),
                   "what is decoded is what was encoded");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = fuzz::text_of(data, size);
    decode(bytes);
    encode(bytes);
    return 0;
}
