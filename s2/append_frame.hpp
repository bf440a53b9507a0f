#pragma once
// One uncompressed frame that holds a batch, laid out around bodies that stay where they are: only what
// stands between them is encoded here. So the transport's copy of a body is the first.

#include "net/environment.hpp"
#include "s2/protobuf.hpp"

#include <span>
#include <string>
#include <vector>

namespace s2 {

class append_frame {
public:
    // Valid until the next call, and as long as the bodies.
    std::span<const net::asio::const_buffer> lay_out(std::span<const record_view> records,
                                                     std::optional<std::uint64_t> match_seq_num,
                                                     std::optional<std::string_view> fencing_token);

private:
    std::string between_;
    std::vector<net::asio::const_buffer> pieces_;
};

} // namespace s2
