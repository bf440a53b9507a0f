#pragma once
// Bytes in order: appended at the back, taken from the front, without moving what stays more often than it is
// doubled. The bound is the caller's: it appends only what its window or its room allows.

#include <boost/asio/buffer.hpp>

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace net {

class byte_queue {
public:
    static constexpr std::size_t kept_bytes_max = 64 * 1024; // a larger buffer is given back once it is empty

    std::size_t size() const { return bytes_.size() - taken_; }

    bool empty() const { return size() == 0; }

    std::string_view view() const { return std::string_view(bytes_).substr(taken_); }

    void append(std::string_view more) {
        if (taken_ > 0 && taken_ >= size()) {
            bytes_.erase(0, taken_);
            taken_ = 0;
        }
        bytes_.append(more);
    }

    void take(std::size_t count) {
        taken_ += count;
        if (taken_ == bytes_.size())
            clear();
    }

    // Copies what fits, and takes it.
    std::size_t move_to(boost::asio::mutable_buffer into) {
        const auto count = std::min(size(), into.size());
        if (count > 0)
            std::memcpy(into.data(), view().data(), count);
        take(count);
        return count;
    }

    void clear() {
        taken_ = 0;
        if (bytes_.capacity() > kept_bytes_max)
            std::string().swap(bytes_);
        else
            bytes_.clear();
    }

private:
    std::string bytes_;
    std::size_t taken_ = 0;
};

} // namespace net
