#include "net/result.hpp"

#include <boost/system/errc.hpp>

#include <string>

namespace net {
namespace {

class category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "net"; }

    std::string message(int value) const override {
        switch (static_cast<error>(value)) {
        case error::eof:
            return "the peer ended the connection";
        case error::timed_out:
            return "timed out";
        case error::limit_exceeded:
            return "a limit was exceeded";
        case error::protocol:
            return "protocol error";
        case error::going_away:
            return "the server is going away (GOAWAY)";
        case error::refused_stream:
            return "the server refused the request (REFUSED_STREAM)";
        case error::stream_reset:
            return "the peer reset the request (RST_STREAM)";
        case error::tls_verify:
            return "certificate verification failed";
        case error::tls_alpn:
            return "the peer does not offer the application protocol";
        case error::unresolved:
            return "the host name does not resolve";
        case error::locked:
            return "locked by another process";
        case error::corrupt:
            return "stored data is corrupt";
        case error::group_refused:
            return "this process may not give it that group";
        case error::proxy_refused:
            return "the proxy refused the connection";
        }
        return "unknown net error";
    }
};

} // namespace

const boost::system::error_category& error_category() noexcept {
    static const category instance;
    return instance;
}

bool is_shortage(const error_code& ec) noexcept {
    using namespace boost::system;
    return ec == errc::too_many_files_open || ec == errc::too_many_files_open_in_system ||
           ec == errc::no_buffer_space || ec == errc::not_enough_memory;
}

error_code make_error_code(error value) noexcept {
    return {static_cast<int>(value), error_category()};
}

} // namespace net
