#pragma once
// Text that must not get into a log: no operator<<, no conversion; its bytes are wiped when it goes.

#include <iosfwd>
#include <string>
#include <string_view>

namespace net {

// All of the buffer, what was cut off included; empty afterwards.
void wipe(std::string& value) noexcept;

class secret {
public:
    secret() = default;
    explicit secret(std::string value); // takes the bytes over; the argument's own are wiped
    secret(const secret& other) = default;
    secret(secret&& other) noexcept;
    secret& operator=(secret other) noexcept;
    ~secret();

    std::string_view reveal() const { return value_; } // only for what goes on the wire

    bool empty() const { return value_.empty(); }

    bool operator==(const secret&) const = default;

private:
    std::string value_;
};

std::ostream& operator<<(std::ostream&, const secret&) = delete;

} // namespace net
