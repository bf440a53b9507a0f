#include "tests/sim/model_store.hpp"

#include "net/assert.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace sim {

void model_store::put_basin(const std::string& name, const s2::local::basin_config& config) {
    s2::local::basin_row& row = basins_[name];
    row.name = name;
    row.deleted_at_us.reset();
    row.config = boost::json::serialize(s2::local::to_json(config));
}

std::vector<model_stream> model_store::streams() const {
    std::vector<model_stream> all;
    for (const auto& [id, data] : streams_)
        all.push_back(
            {id, data.row.basin, data.row.name, data.removed || data.row.deleted_at_us.has_value()});
    return all;
}

std::optional<stream_id> model_store::find(const std::string& basin, const std::string& name) const {
    for (auto each = streams_.rbegin(); each != streams_.rend(); ++each)
        if (each->second.row.basin == basin && each->second.row.name == name)
            return each->first;
    return std::nullopt;
}

const model_store::stream_data& model_store::at(stream_id stream) const {
    const auto found = streams_.find(stream);
    NET_ASSERT(found != streams_.end(), "a checker asks for streams that exist or existed");
    return found->second;
}

std::span<const model_record> model_store::ever_appended(stream_id stream) const {
    return at(stream).ever;
}

std::uint64_t model_store::records_ever() const {
    std::uint64_t count = 0;
    for (const auto& [id, data] : streams_)
        count += data.ever.size();
    return count;
}

std::span<const model_record> model_store::readable(stream_id stream) const {
    const stream_data& data = at(stream);
    if (data.removed || data.row.deleted_at_us || data.batches.empty())
        return {};
    const std::span<const model_record> all = data.ever;
    const auto first = std::max(data.row.trim_point, data.batches.begin()->first);
    return all.subspan(std::min<std::uint64_t>(first, all.size()));
}

std::string model_store::fencing_token(stream_id stream) const {
    return at(stream).row.fencing_token;
}

} // namespace sim
