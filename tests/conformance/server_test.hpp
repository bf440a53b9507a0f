#pragma once
// What every case starts with: a client of the target, a basin of this run's own, streams with fresh names,
// and raw requests for what the client would never send.

#include "net/system/environment.hpp"
#include "s2/append_session.hpp"
#include "s2/read_session.hpp"
#include "tests/conformance/target.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>

namespace conformance {

using namespace std::chrono_literals;

template <class T>
T must(s2::result<T> outcome) {
    if (!outcome)
        throw std::runtime_error(outcome.error().text());
    if constexpr (!std::is_void_v<T>)
        return std::move(*outcome);
}

template <class T>
s2::error must_fail(s2::result<T> outcome) {
    if (outcome)
        throw std::runtime_error("succeeded where it must be refused");
    return outcome.error();
}

struct raw_answer {
    unsigned status = 0;
    net::http_fields fields;
    std::string body;

    std::string code() const; // of the standard error body; empty without one
};

class server_test : public testing::Test {
protected:
    void SetUp() override;
    // Runs one case to its end, in a task of its own; what it throws fails it.
    void run(std::function<net::task<>()> body);

    s2::client& client() { return *client_; }

    s2::client& client_with(s2::compression packing);

    net::time_point soon() { return env_->now() + 10s; }

    std::string fresh_name(std::string_view prefix = "stream");
    static const std::string& basin();

    net::task<std::string> new_stream(s2::stream_config config = {});
    net::task<s2::append_ack> append(std::string stream, std::vector<std::string> bodies);
    net::task<s2::result<s2::append_ack>> try_append(std::string stream, s2::append_input input);
    net::task<std::vector<s2::sequenced_record>> read_all(std::string stream);
    net::task<std::unique_ptr<s2::append_session>> open_appends(std::string stream);
    net::task<raw_answer> raw(std::string method, std::string target, net::http_fields fields = {},
                              std::string body = {});
    // With the basin's header.
    net::task<raw_answer> raw_in_basin(std::string method, std::string target, net::http_fields fields = {},
                                       std::string body = {});

    net::environment& env() { return *env_; }

    // Connects to a server in this process; empty for one with a port.
    const s2::dial_function& in_process() const { return in_process_; }

private:
    net::task<> prepare(net::task_group& group, const std::function<net::task<>()>& body);

    std::unique_ptr<net::asio::io_context> loop_;
    std::unique_ptr<net::system_environment> env_;
    s2::credentials token_{s2::secret("conformance")};
    std::unique_ptr<s2::connector> connector_;
    std::unique_ptr<s2::client> client_;
    std::vector<std::unique_ptr<s2::client>> others_;
    s2::dial_function in_process_;
};

s2::append_record record(std::string body);

// g++ 12 fails on a braced list within an expression that awaits.
template <class... Text>
std::vector<std::string> texts(Text... each) {
    return {std::string(std::move(each))...};
}

s2::append_input input_of(std::vector<std::string> bodies);
s2::read_start from_seq(std::uint64_t seq_num);

} // namespace conformance
