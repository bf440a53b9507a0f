#pragma once
// Bytes that somebody lends to be read in place: taken from the front in pieces of any size, whatever
// buffers they lie in. Buffers and bytes are the lender's, and stay until all is taken or given back.

#include "net/assert.hpp"

#include <boost/asio/buffer.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>

namespace net {

class lent_buffers {
public:
    lent_buffers() = default;

    lent_buffers(std::span<const boost::asio::const_buffer> all, std::size_t bytes)
        : rest_(all)
        , bytes_(bytes) {}

    std::size_t size() const { return bytes_; }

    bool empty() const { return bytes_ == 0; }

    // Appends the next `count` bytes to `out`, and takes them.
    void move_to(std::string& out, std::size_t count) {
        NET_ASSERT(count <= bytes_, "what is taken was lent");
        bytes_ -= count;
        while (count > 0) {
            const auto& front = rest_.front();
            const auto part = std::min(count, front.size() - taken_);
            out.append(static_cast<const char*>(front.data()) + taken_, part);
            taken_ += part;
            count -= part;
            if (taken_ < front.size())
                return;
            rest_ = rest_.subspan(1);
            taken_ = 0;
        }
    }

    void clear() { *this = {}; }

private:
    std::span<const boost::asio::const_buffer> rest_;
    std::size_t taken_ = 0; // of the first
    std::size_t bytes_ = 0;
};

} // namespace net
