#include "net/task/next_turn.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace net {

task<> next_turn(environment& env) {
    co_await asio::post(env.executor(), asio::use_awaitable);
}

} // namespace net
