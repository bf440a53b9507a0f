#pragma once
// The unary calls of the S2 API (§2), and the opening of sessions, as one basin's client. Every call has a
// deadline and ends with a value or an s2::error; `sent` is false only where the request provably never
// reached the server. Nothing is retried here: who calls knows what a repetition may do. A refused token
// makes the credentials read their file again.

#include "s2/config.hpp"
#include "s2/connector.hpp"
#include "s2/credentials.hpp"
#include "s2/frame.hpp"

#include <boost/json/object.hpp>

namespace s2 {

constexpr std::uint64_t response_bytes_max = 8 * 1024 * 1024; // of a unary response, also when inflated

template <class Info>
struct provisioned {
    Info info;
    provision_result outcome = provision_result::created;
};

struct list_query {
    std::string prefix;
    std::string start_after;
    std::size_t limit = 0; // 0: the server's page
};

// A request under way and the connection that carries it. The exchange goes first.
struct open_exchange {
    std::shared_ptr<net::http_client> connection;
    std::unique_ptr<net::client_exchange> exchange;
};

struct unary_call;
struct unary_answer;

class client {
public:
    // `basin` is what the calls on streams mean. All three outlive the client and its sessions.
    client(connector& connections, credentials& token, std::string basin,
           compression packing = compression::none);

    net::task<result<provisioned<basin_info>>> create_basin(std::string name, basin_config config,
                                                            net::time_point deadline,
                                                            std::string request_token = {});
    net::task<result<provisioned<basin_info>>> ensure_basin(std::string name, basin_config config,
                                                            net::time_point deadline);
    net::task<result<page<basin_info>>> list_basins(list_query query, net::time_point deadline);
    net::task<result<void>> delete_basin(std::string name, net::time_point deadline);
    net::task<result<basin_config>> get_basin_config(std::string name, net::time_point deadline);
    // Absent: unchanged. null: back to the default (§2.3).
    net::task<result<basin_config>> reconfigure_basin(std::string name, boost::json::object changes,
                                                      net::time_point deadline);

    net::task<result<provisioned<stream_info>>> create_stream(std::string name, stream_config config,
                                                              net::time_point deadline,
                                                              std::string request_token = {});
    net::task<result<provisioned<stream_info>>> ensure_stream(std::string name, stream_config config,
                                                              net::time_point deadline);
    net::task<result<page<stream_info>>> list_streams(list_query query, net::time_point deadline);
    net::task<result<void>> delete_stream(std::string name, net::time_point deadline);
    net::task<result<stream_config>> get_stream_config(std::string name, net::time_point deadline);
    net::task<result<stream_config>> reconfigure_stream(std::string name, boost::json::object changes,
                                                        net::time_point deadline);

    net::task<result<stream_position>> check_tail(std::string stream, net::time_point deadline);
    net::task<result<append_ack>> append(std::string stream, append_input input, net::time_point deadline);
    // One page: at most 1000 records and 1 MiB. `wait_seconds` lengthens the answer, not the deadline.
    net::task<result<read_batch>> read(std::string stream, read_start start, read_limits limits,
                                       net::time_point deadline);

    // A session's request on the stream's records (`GET` with the query, or `POST`), its head sent; the
    // response's head is the session's to await. `body`: the request has one.
    net::task<result<open_exchange>> open_session(std::string method, std::string stream, std::string query,
                                                  bool body, net::time_point deadline);

    net::environment& env() const { return connections_.env(); }

    connector& connections() const { return connections_; }

    credentials& token() const { return token_; }

    const std::string& basin() const { return basin_; }

    compression packing() const { return packing_; }

private:
    net::task<result<unary_answer>> perform(unary_call request, net::time_point deadline);
    net::task<result<open_exchange>> start(unary_call& request, bool end, net::time_point deadline);
    unary_call account_call(std::string method, std::string path) const;
    unary_call stream_call(std::string method, std::string path) const;

    connector& connections_;
    credentials& token_;
    std::string basin_;
    compression packing_;
};

// The query of a read (§2.6): "seq_num=7&count=10", without '?'.
std::string read_query(const read_start& start, const read_limits& limits);

} // namespace s2
