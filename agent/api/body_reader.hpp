#pragma once
// The body of one call, unpacked where it came packed, and counted: who reads it first asks its room for
// what it will hold (body_places).
//
// A read ends with eof where the body does; with timed_out where its peer is not waited for any longer
// (408); with limit_exceeded where it is longer than allowed, packed or unpacked (413); with protocol where
// it breaks its framing, or is not what its content-encoding says (400).

#include "agent/api/call.hpp"
#include "agent/api/unpacker.hpp"
#include "agent/intake/body_memory.hpp"

#include <memory>
#include <optional>
#include <string>

namespace agent {

class body_reader {
public:
    body_reader(const api_context& context, net::server_exchange& exchange, std::uint64_t limit_bytes);

    // A content-encoding that nobody here undoes: said before anything is read.
    const std::optional<api_error>& refused() const { return refused_; }

    net::task<net::result<std::size_t>> read_some(net::asio::mutable_buffer into);

    // Room for so many bytes of the body, beside what unpacking takes.
    net::task<void> reserve(std::uint64_t bytes);

    void keep(std::uint64_t bytes) { room_.keep(unpacking_bytes_ + bytes); }

    // What the body will need in memory if it is read as a whole: its length, where that is known.
    std::optional<std::uint64_t> length() const;

    bool broken_encoding() const { return broken_encoding_; }

private:
    net::task<net::result<std::size_t>> read_packed(net::asio::mutable_buffer into);
    net::task<net::error_code> begin_unpacking();
    net::task<net::error_code> fetch();

    net::server_exchange& exchange_;
    std::uint64_t limit_bytes_;
    std::uint64_t came_bytes_ = 0; // as it came
    std::uint64_t given_bytes_ = 0;
    std::optional<api_error> refused_;
    const unpacker::kind* encoding_ = nullptr;
    std::unique_ptr<unpacker> unpacker_;
    std::uint64_t unpacking_bytes_ = 0;
    std::string packed_; // from packed_at_ on: not unpacked yet
    std::size_t packed_at_ = 0;
    bool ended_ = false;
    bool broken_encoding_ = false;
    body_memory::share room_;
};

// What a body that can't be read is answered with; nothing: its client has left.
std::optional<api_error> body_error(const body_reader& body, const net::error_code& why,
                                    std::uint64_t limit_bytes);

} // namespace agent
