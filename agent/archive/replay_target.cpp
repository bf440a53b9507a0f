#include "agent/archive/replay_target.hpp"

#include "net/text.hpp"

namespace agent {
namespace {

constexpr std::string_view stream_scheme = "s2://";

} // namespace

std::variant<replay_target, std::string> parse_replay_target(std::string_view text) {
    replay_target target;
    if (text == "latest")
        return target;
    if (text.starts_with(stream_scheme)) {
        const auto rest = text.substr(stream_scheme.size());
        const auto slash = rest.find('/');
        if (slash == std::string_view::npos || slash == 0 || slash + 1 == rest.size())
            return "'" + std::string(text) + "' names no stream; write s2://BASIN/STREAM";
        target.of = replay_target::kind::stream;
        target.basin = rest.substr(0, slash);
        target.stream = rest.substr(slash + 1);
        if (const auto wrong = s2::invalid_basin_name(target.basin))
            return "'" + target.basin + "' is not a basin's name: " + *wrong;
        if (const auto wrong = s2::invalid_stream_name(target.stream))
            return "'" + target.stream + "' is not a stream's name: " + *wrong;
        return target;
    }
    if (auto id = net::normal_uuid(text)) {
        target.of = replay_target::kind::session;
        target.session_id = std::move(*id);
        return target;
    }
    return "'" + std::string(text) + "' is no target; write a session's id, latest, or s2://BASIN/STREAM";
}

bool replay_part::holds(std::string_view envelope_session, std::optional<seq_t> seq,
                        std::optional<seq_t> continued) const {
    if (session_id.empty())
        return true;
    if (envelope_session != session_id)
        return false;
    const auto place = seq ? seq : continued;
    const seq_t first = seq ? from_seq : continued_from_seq;
    return !place || (*place >= first && (below_seq == 0 || *place < below_seq));
}

std::vector<replay_part> replay_parts(const session_record& session) {
    std::vector<replay_part> parts;
    for (std::size_t i = 0; i < session.parts.size(); ++i) {
        const bool last = i + 1 == session.parts.size();
        const session_part& part = session.parts[i];
        replay_part next{
            part.at, part.stream, session.id, part.from_seq, last ? 0 : session.parts[i + 1].from_seq, 0};
        for (const replay_part& earlier : parts)
            if (earlier.at == next.at && earlier.stream == next.stream)
                next.continued_from_seq = earlier.below_seq;
        parts.push_back(std::move(next));
    }
    return parts;
}

} // namespace agent
