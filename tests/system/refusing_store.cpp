// An S2-compatible store for the system tests that refuses single streams, as S2 does where a token lacks their
// permission:
//
//     refusing_store STORE_FILE REFUSALS_FILE LOG_FILE
//
// It listens on a free port of 127.0.0.1 and prints its URL. Each line of the refusals' file, which is read again
// for each request, is `STREAM all`, `STREAM append` or `STREAM read`; the requests of that kind are answered 403.
// A line `token TOKEN` has every other token answered 401. LOG_FILE gets a line "STREAM" for each request that was
// refused (empty where it is about none).

#include "net/server/http_server.hpp"
#include "net/system/run.hpp"
#include "s2/local/server.hpp"

#include <cstdio>
#include <fstream>
#include <sstream>

namespace {

std::string stream_of(const net::request_head& request) {
    constexpr std::string_view prefix = "/v1/streams/";
    const auto path = request.path();
    if (!path.starts_with(prefix))
        return {};
    const auto name = path.substr(prefix.size());
    return std::string(name.substr(0, name.find('/')));
}

bool is_refused(const std::string& refusals, const std::string& stream, const std::string& kind) {
    std::ifstream file(refusals);
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string name, what;
        words >> name >> what;
        if (name == stream && (what == "all" || what == kind))
            return true;
    }
    return false;
}

bool is_strange(const std::string& refusals, const net::request_head& request) {
    std::ifstream file(refusals);
    std::string line;
    while (std::getline(file, line)) {
        std::istringstream words(line);
        std::string name, token;
        words >> name >> token;
        if (name == "token" && net::find_field(request.fields, "authorization") != "Bearer " + token)
            return true;
    }
    return false;
}

net::http_handler refusing(net::http_handler inner, std::string refusals, std::string log) {
    return [inner, refusals, log](net::server_exchange& exchange) -> net::task<void> {
        const std::string stream = stream_of(exchange.request());
        const std::string kind = exchange.request().method == "POST" ? "append" : "read";
        const bool strange = is_strange(refusals, exchange.request());
        if (!strange && (stream.empty() || !is_refused(refusals, stream, kind))) {
            co_await inner(exchange);
            co_return;
        }
        std::ofstream(log, std::ios::app) << stream << "\n";
        net::response_head head;
        head.status = strange ? 401 : 403;
        head.fields = {{"content-type", "application/json"}};
        const std::string_view body = strange
                                          ? R"({"code":"authn","message":"not this token"})"
                                          : R"({"code":"permission_denied","message":"the token may not"})";
        co_await net::respond_with(exchange, std::move(head), body);
    };
}

net::task<void> serve(net::environment& env, std::vector<std::string> args, net::stop_source& stop,
                      int& code) {
    auto on = co_await s2::local::open_store_file(env, args[1]);
    auto accepting = env.listen(net::endpoint::tcp("127.0.0.1", 0));
    if (!on || !accepting) {
        std::fprintf(stderr, "refusing_store: cannot open %s or listen\n", args[1].c_str());
        co_return;
    }
    std::printf("http://%s\n", (*accepting)->local().text().c_str());
    std::fflush(stdout);
    s2::local::embedded_server server(env, std::move(*on), stop);
    net::http_server outside(env, std::move(*accepting), {},
                             refusing(server.face().handler(), args[2], args[3]));
    co_await server.run([&outside, source = &stop] { return outside.serve(*source); });
    code = 0;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<std::string> args(argv, argv + argc);
    if (args.size() != 4) {
        std::fprintf(stderr, "usage: refusing_store STORE_FILE REFUSALS_FILE LOG_FILE\n");
        return 2;
    }
    int code = 1;
    net::stop_source* stop = nullptr;
    const auto body = [&](net::environment& env) -> net::task<void> {
        net::stop_source source(env);
        stop = &source;
        co_await serve(env, args, source, code);
        stop = nullptr;
    };
    net::run_system(body, [&](net::signal_order what) {
        if (what != net::signal_order::leave)
            return;
        if (stop)
            stop->abort();
    });
    return code;
}
