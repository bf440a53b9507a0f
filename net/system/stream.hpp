#pragma once
// net::stream over the kernel's sockets and descriptors. Each holds its descriptor together with the
// operations that use it: closing or destroying a stream in the middle of one of them (or in a callback of
// one) is safe.

#include "net/stream.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <filesystem>
#include <memory>

namespace net {

// What a kernel error means in our vocabulary: end of file is error::eof; all others stay.
error_code from_kernel(const error_code& ec) noexcept;

// Sets TCP_NODELAY. `quick_acks`: asks for an immediate ACK after each read. A server that leaves Nagle's
// algorithm on holds its next small segment back until we ACK the last one, and a delayed ACK makes that 40
// ms.
std::unique_ptr<stream> make_tcp_stream(asio::ip::tcp::socket socket, bool quick_acks);
std::unique_ptr<stream> make_unix_stream(asio::local::stream_protocol::socket socket);

// Takes the descriptor over. A regular file works, too: reads of it block for as long as the disk takes.
result<std::unique_ptr<stream>> make_descriptor_stream(const asio::any_io_executor& executor, int descriptor,
                                                       std::string name);

// Standard input without a change to what is shared with other processes, where that is possible: O_NONBLOCK
// belongs to the open file, and a terminal that is set to it breaks the shell that it came from.
result<std::unique_ptr<stream>> open_standard_input(const asio::any_io_executor& executor);
result<std::unique_ptr<stream>> open_input_file(const asio::any_io_executor& executor,
                                                const std::filesystem::path& file);

} // namespace net
