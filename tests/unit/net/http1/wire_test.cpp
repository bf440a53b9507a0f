#include "net/http1/wire.hpp"

#include <gtest/gtest.h>

#include <string>

namespace net::test {
namespace {

// Beast's own limit does not count what it has taken, and a field is taken once the next one has begun.
TEST(http1_wire, a_head_has_its_limit_where_it_comes_field_by_field) {
    const auto parser = http1_request_parser::make(1000);
    const std::string field = "a: " + std::string(95, 'b') + "\r\n";
    std::string waiting = "GET / HTTP/1.1\r\n" + field + "a";
    std::size_t fields = 0;
    error_code failed;
    for (; !failed && fields < 100; ++fields) {
        const auto step = parser->head(waiting);
        failed = step.failed;
        waiting = waiting.substr(step.taken) + field.substr(1) + "a";
    }
    EXPECT_EQ(failed, make_error_code(error::limit_exceeded));
    EXPECT_EQ(fields, 10u);
}

TEST(http1_wire, a_head_of_exactly_its_limit_is_taken) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(100, 'x') + "\r\n\r\n";
    for (std::size_t cut = 0; cut < head.size(); ++cut) {
        const auto parser = http1_request_parser::make(head.size());
        const auto first = parser->head(head.substr(0, cut));
        EXPECT_FALSE(first.failed) << cut;
        EXPECT_FALSE(parser->head(head.substr(first.taken)).failed) << cut;
        EXPECT_TRUE(parser->head_done()) << cut;
        const auto smaller = http1_request_parser::make(head.size() - 1);
        const auto part = smaller->head(head.substr(0, cut));
        EXPECT_EQ(smaller->head(head.substr(part.taken)).failed, make_error_code(error::limit_exceeded))
            << cut;
    }
}

// Beast asserts where "0\r\n" has grown by one byte.
TEST(http1_wire, the_last_chunk_comes_in_any_pieces) {
    const auto parser = http1_request_parser::make(1000);
    parser->head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    ASSERT_TRUE(parser->head_done());
    char into[8];
    const std::string_view last = http1_last_chunk;
    for (std::size_t bytes = 1; bytes <= last.size(); ++bytes) {
        const auto step = parser->body(last.substr(0, bytes), asio::buffer(into));
        EXPECT_FALSE(step.failed);
        EXPECT_EQ(step.taken, bytes == last.size() ? bytes : 0u);
    }
    EXPECT_TRUE(parser->done());
}

} // namespace
} // namespace net::test
