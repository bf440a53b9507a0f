#include "net/secret.hpp"

#include <string.h> // explicit_bzero
#include <utility>

namespace net {

void wipe(std::string& value) noexcept {
    // Up to the capacity: what was cut off or moved within the buffer is still there.
    value.resize(value.capacity());
    ::explicit_bzero(value.data(), value.size());
    value.clear();
}

secret::secret(std::string value)
    : value_(value) {
    wipe(value);
}

secret::secret(secret&& other) noexcept
    : value_(std::move(other.value_)) {
    wipe(other.value_); // a short text was copied, not moved
}

secret& secret::operator=(secret other) noexcept {
    std::swap(value_, other.value_);
    return *this;
}

secret::~secret() {
    wipe(value_);
}

} // namespace net
