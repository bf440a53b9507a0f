#pragma once
// A store on a real SQLite file in a directory of its own, in a world whose clock moves only when everything
// waits.

#include "s2/local/read_session.hpp"
#include "s2/local/sqlite_storage.hpp"
#include "s2/protobuf.hpp"
#include "tests/unit/net/test_world.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace s2::local::test {

class temporary_directory {
public:
    temporary_directory() {
        std::string name = (std::filesystem::temp_directory_path() / "ringtail-store-XXXXXX").string();
        path_ = mkdtemp(name.data());
    }

    ~temporary_directory() { std::filesystem::remove_all(path_); }

    std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

// Variadic, since g++ 12 cannot take braced lists inside coroutines.
template <class... Bodies>
append_input batch(Bodies... bodies) {
    append_input input;
    (input.records.push_back(append_record{std::nullopt, {}, std::string(bodies)}), ...);
    return input;
}

inline append_input command(append_record record) {
    append_input input;
    input.records.push_back(std::move(record));
    return input;
}

inline std::vector<std::string> bodies_of(std::string_view read_batch_bytes) {
    std::vector<std::string> bodies;
    auto decoded = decode_read_batch(read_batch_bytes).value();
    for (auto& record : decoded.records)
        bodies.push_back(std::move(record.body));
    return bodies;
}

inline std::unique_ptr<sqlite_storage> open_storage(const std::filesystem::path& file,
                                                    database::options how = {}) {
    auto opened = sqlite_storage::open(file, how);
    if (!opened)
        throw std::runtime_error(opened.error().message);
    return std::move(*opened);
}

// Runs body with a store that runs, and closes it in order.
class store_test : public testing::Test {
protected:
    net::test::test_world world;
    temporary_directory directory;
    std::filesystem::path file = directory / "store.db";
    database::options how;
    std::function<std::unique_ptr<storage>()> make_storage = [this] { return open_storage(file, how); };

    void with_store(std::function<net::task<void>(store&)> body) {
        world.run([this, body]() -> net::task<void> {
            auto all = std::make_unique<store>(world, make_storage());
            auto both = [&](net::task_group& group) -> net::task<void> {
                group.spawn(all->run());
                co_await body(*all);
                all->close();
                co_await group.join();
            };
            co_await net::with_task_group(world, both);
        });
    }

    static net::task<void> make_stream(store& in, std::string name, optional_stream_config config = {}) {
        basin_config basin;
        auto ensured = co_await in.ensure_basin("test-basin", basin);
        EXPECT_TRUE(ensured);
        auto created = co_await in.create_stream("test-basin", name, config, std::nullopt);
        EXPECT_TRUE(created);
    }

    static net::task<stream_handle> open(store& in, std::string name) {
        auto opened = co_await in.open_stream("test-basin", name, access::append);
        if (!opened)
            throw std::runtime_error(opened.error().body);
        co_return *opened;
    }

    static net::task<outcome<append_ack>> append(store& in, stream_handle to, append_input input) {
        co_await in.appends().room();
        auto ticket = in.appends().submit(to, to->epoch, std::move(input));
        co_return co_await in.appends().settled(ticket);
    }

    static net::task<std::vector<std::string>> read_all(store& in, stream_handle from,
                                                        std::uint64_t seq = 0) {
        read_request request;
        request.start = {read_start::kind::seq_num, seq};
        request.wait = net::duration::zero();
        read_session session(in, from, request);
        std::vector<std::string> bodies;
        auto started = co_await session.start();
        if (!started)
            co_return std::vector<std::string>{started.error().body};
        while (true) {
            auto event = co_await session.next();
            if (!event)
                bodies.push_back(event.error().body);
            if (!event || event->what == read_event::kind::end)
                co_return bodies;
            for (auto& body : bodies_of(event->records))
                bodies.push_back(std::move(body));
        }
    }
};

} // namespace s2::local::test
