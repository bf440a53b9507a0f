#include "agent/delivery/report.hpp"

#include "net/system/output.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <unistd.h>

namespace agent {
namespace {

constexpr std::string_view status_file_name = "status.json";

boost::json::value or_null(const std::string& text) {
    return text.empty() ? boost::json::value(nullptr) : boost::json::value(text);
}

boost::json::object backlog_json(const backlog_size& of) {
    return {{"events", of.events}, {"bytes", of.bytes}};
}

} // namespace

void add_streams(boost::json::object& to, const delivery_status& status) {
    boost::json::array streams;
    for (const undelivered_stream& one : status.streams) {
        boost::json::object entry;
        entry["place"] = one.at.text();
        entry["stream"] = one.stream;
        entry["events"] = one.size.events;
        entry["bytes"] = one.size.bytes;
        entry["state"] = name_of(one.state);
        entry["reason"] = one.reason;
        streams.emplace_back(std::move(entry));
    }
    to["streams"] = std::move(streams);
    if (status.streams_not_listed > 0)
        to["streams_not_listed"] = status.streams_not_listed;
}

boost::json::object to_json(const report& of) {
    const session_account account = of.session.value_or(session_account{});
    boost::json::object json;
    json["session_id"] = or_null(account.session_id);
    json["s2_stream"] = or_null(account.stream);
    json["published"] = account.published;
    json["durable"] = account.durable;
    json["undelivered"] = account.undelivered;
    json["undelivered_bytes"] = account.undelivered_bytes;
    json["dropped"] = account.dropped;
    json["refused"] = of.refused;
    json["durable_seq"] = of.session ? account.durable_seq : of.delivery.durable_seq;
    json["tail"] = account.tail ? boost::json::value(*account.tail) : boost::json::value(nullptr);
    json["backlog"] = backlog_json(of.backlog);
    json["exit"] = of.exit ? boost::json::value(static_cast<int>(*of.exit)) : boost::json::value(nullptr);

    json["state"] = of.state;
    json["s2_basin"] = or_null(account.basin);
    boost::json::object delivery{{"condition", name_of(of.delivery.condition)},
                                 {"reason", or_null(of.delivery.reason)},
                                 {"durable_seq", of.delivery.durable_seq},
                                 {"undelivered", of.delivery.undelivered_events},
                                 {"undelivered_bytes", of.delivery.undelivered_bytes}};
    add_streams(delivery, of.delivery);
    json["delivery"] = std::move(delivery);
    json["api"] = of.api ? boost::json::value(*of.api) : boost::json::value(nullptr);
    boost::json::array listening(of.listening.begin(), of.listening.end());
    json["listening"] = std::move(listening);
    json["pid"] = of.pid;
    json["version"] = RINGTAIL_VERSION;
    return json;
}

net::error_code write_report(net::environment& env, const report& of, const std::string& where) {
    const std::string text = boost::json::serialize(to_json(of)) + "\n";
    if (where != "-")
        return env.files().write_output(where, text, 0644);
    return net::write_patiently(STDOUT_FILENO, text, net::output_patience);
}

net::error_code write_status(net::environment& env, const report& of,
                             const std::filesystem::path& state_dir) {
    return env.files().replace_unsynced(state_dir / status_file_name,
                                        boost::json::serialize(to_json(of)) + "\n", 0644);
}

net::result<boost::json::object> read_status(net::file_system& files,
                                             const std::filesystem::path& state_dir) {
    constexpr std::uint64_t status_bytes_max = 4 * 1024 * 1024;
    const auto text = files.read_all(state_dir / status_file_name, status_bytes_max);
    if (!text)
        return text.error();
    net::error_code failed;
    const auto json = boost::json::parse(*text, failed);
    if (failed || !json.is_object())
        return net::make_error_code(net::error::corrupt);
    return json.get_object();
}

} // namespace agent
