#include "tests/conformance/server_test.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/json.hpp>

namespace conformance {
namespace {

constexpr auto patience = 120s;

std::string random_suffix(net::environment& env) {
    return net::random_uuid(env).substr(0, 8);
}

} // namespace

std::string raw_answer::code() const {
    boost::system::error_code ec;
    const auto value = boost::json::parse(body, ec);
    if (ec || !value.is_object() || !value.get_object().contains("code"))
        return {};
    return std::string(value.get_object().at("code").get_string());
}

void server_test::SetUp() {
    if (!target_configured())
        GTEST_SKIP() << "RINGTAIL_CONFORMANCE_ENDPOINT names no server";
}

const std::string& server_test::basin() {
    static const std::string name = [] {
        net::asio::io_context loop;
        net::system_environment env(loop);
        return "conformance-" + random_suffix(env);
    }();
    return name;
}

void server_test::run(std::function<net::task<>()> body) {
    loop_ = std::make_unique<net::asio::io_context>();
    env_ = std::make_unique<net::system_environment>(*loop_);
    bool ended = false;
    std::exception_ptr failure;
    std::function<net::task<>(net::task_group&)> inside = [&](net::task_group& group) {
        return prepare(group, body);
    };
    net::asio::co_spawn(*loop_, net::with_task_group(*env_, inside), [&](std::exception_ptr why) {
        ended = true;
        failure = why;
    });
    loop_->run_for(patience);
    if (failure) {
        try {
            std::rethrow_exception(failure);
        } catch (const std::exception& why) {
            ADD_FAILURE() << why.what();
        }
    }
    EXPECT_TRUE(ended) << "the case hangs";
    if (!ended)
        std::_Exit(1); // its frames can't be taken down in order any more
    env_.reset();
    loop_.reset();
}

net::task<> server_test::prepare(net::task_group& group, const std::function<net::task<>()>& body) {
    // However the case ends, no connection (and no timer of one) outlives it.
    struct farewell {
        ~farewell() {
            of.others_.clear();
            of.client_.reset();
            of.connector_.reset();
            of.in_process_ = {};
        }

        server_test& of;
    };

    const farewell leaving{*this};
    auto found = find_target(*env_, group);
    in_process_ = found->options.dial;
    connector_ = std::make_unique<s2::connector>(group, found->where, found->options);
    client_ = std::make_unique<s2::client>(*connector_, token_, basin());
    s2::basin_config config;
    auto ensured = co_await client_->ensure_basin(basin(), config, soon());
    must(std::move(ensured));
    co_await body();
    co_await connector_->close();
}

s2::client& server_test::client_with(s2::compression packing) {
    others_.push_back(std::make_unique<s2::client>(*connector_, token_, basin(), packing));
    return *others_.back();
}

std::string server_test::fresh_name(std::string_view prefix) {
    return std::string(prefix) + "-" + random_suffix(*env_);
}

net::task<std::string> server_test::new_stream(s2::stream_config config) {
    auto name = fresh_name();
    auto created = co_await client_->create_stream(name, config, soon());
    must(std::move(created));
    co_return name;
}

net::task<s2::append_ack> server_test::append(std::string stream, std::vector<std::string> bodies) {
    auto input = input_of(std::move(bodies));
    auto acked = co_await client_->append(std::move(stream), std::move(input), soon());
    co_return must(std::move(acked));
}

net::task<s2::result<s2::append_ack>> server_test::try_append(std::string stream, s2::append_input input) {
    auto acked = co_await client_->append(std::move(stream), std::move(input), soon());
    co_return std::move(acked);
}

net::task<std::vector<s2::sequenced_record>> server_test::read_all(std::string stream) {
    s2::read_limits limits;
    limits.wait_seconds = 0;
    s2::read_session session(*client_, std::move(stream), from_seq(0), limits);
    std::vector<s2::sequenced_record> all;
    for (;;) {
        auto next = co_await session.next(soon());
        auto batch = must(std::move(next));
        if (!batch)
            break;
        for (auto& each : batch->records)
            all.push_back(std::move(each));
    }
    co_return all;
}

net::task<std::unique_ptr<s2::append_session>> server_test::open_appends(std::string stream) {
    auto opened = co_await s2::append_session::open(*client_, std::move(stream), soon());
    co_return must(std::move(opened));
}

net::task<raw_answer> server_test::raw(std::string method, std::string target, net::http_fields fields,
                                       std::string body) {
    auto connected = co_await connector_->connect(connector_->where().account(), soon());
    const auto connection = must(std::move(connected));
    net::request_head head;
    head.method = std::move(method);
    head.target = std::move(target);
    head.scheme = connector_->where().account().scheme;
    head.authority = connector_->where().account().authority();
    head.fields = std::move(fields);
    auto opened = co_await connection->open(head, body.empty());
    if (!opened)
        throw std::runtime_error(opened.error().message());
    const auto exchange = std::move(*opened);
    if (!body.empty()) {
        const net::asio::const_buffer whole(body.data(), body.size());
        const auto ec = co_await exchange->write(std::span(&whole, 1));
        if (!ec)
            co_await exchange->finish();
    }
    auto answered = co_await exchange->response();
    if (!answered)
        throw std::runtime_error(answered.error().message());
    auto content = co_await net::read_body(*exchange, 16 * 1024 * 1024);
    if (!content)
        throw std::runtime_error(content.error().message());
    raw_answer answer;
    answer.status = answered->status;
    answer.fields = answered->fields;
    answer.body = std::move(*content);
    co_return std::move(answer);
}

net::task<raw_answer> server_test::raw_in_basin(std::string method, std::string target,
                                                net::http_fields fields, std::string body) {
    fields.push_back({"s2-basin", basin()});
    auto answer = co_await raw(std::move(method), std::move(target), std::move(fields), std::move(body));
    co_return std::move(answer);
}

s2::append_record record(std::string body) {
    s2::append_record made;
    made.body = std::move(body);
    return made;
}

s2::append_input input_of(std::vector<std::string> bodies) {
    s2::append_input input;
    for (auto& each : bodies)
        input.records.push_back(record(std::move(each)));
    return input;
}

s2::read_start from_seq(std::uint64_t seq_num) {
    return {s2::read_start::kind::seq_num, seq_num, false};
}

} // namespace conformance
