#include "s2/credentials.hpp"

#include "net/text.hpp"

#include <algorithm>
#include <string.h> // explicit_bzero
#include <utility>

namespace s2 {
namespace {

void wipe(std::string& value) noexcept {
    // Up to the capacity: what was cut off or moved within the buffer is still there.
    value.resize(value.capacity());
    ::explicit_bzero(value.data(), value.size());
    value.clear();
}

bool fits_a_header(std::string_view token) {
    return std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

} // namespace

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

credentials::credentials(secret token)
    : token_(std::move(token)) {}

credentials::credentials(net::environment& env, std::filesystem::path token_file)
    : env_(&env)
    , file_(std::move(token_file)) {}

result<secret> credentials::bearer() {
    if (!env_) {
        if (!fits_a_header(token_.reveal()))
            return error::from_credentials(
                "the S2 token holds white space or other characters that no header takes");
        return token_;
    }
    // Taken before the content: a change in between shows as a change the next time.
    auto fingerprint = env_->files().fingerprint(file_);
    if (fingerprint && fingerprint == fingerprint_)
        return token_;
    auto content = env_->files().read_all(file_, token_file_bytes_max);
    if (!content && net::is_shortage(content.error()))
        return error::from_transport(content.error(), false, "cannot read the token file " + file_.string());
    if (!content)
        return error::from_credentials("cannot read the token file " + file_.string() + ": " +
                                       content.error().message());
    secret fresh{std::string(net::trimmed(*content))};
    wipe(*content);
    if (fresh.empty())
        return error::from_credentials("the token file " + file_.string() + " is empty");
    if (!fits_a_header(fresh.reveal()))
        return error::from_credentials("the token file " + file_.string() +
                                       " holds white space or other characters that no header takes");
    token_ = std::move(fresh);
    fingerprint_ = std::move(fingerprint);
    return token_;
}

bool credentials::changed() const {
    if (!env_)
        return false;
    const auto now = env_->files().fingerprint(file_);
    return now && now != fingerprint_;
}

} // namespace s2
