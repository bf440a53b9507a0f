#include "s2/credentials.hpp"

#include "net/text.hpp"

#include <algorithm>
#include <utility>

namespace s2 {
namespace {

bool fits_a_header(std::string_view token) {
    return std::all_of(token.begin(), token.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

} // namespace

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
    net::wipe(*content);
    if (fresh.empty())
        return error::from_credentials("the token file " + file_.string() + " is empty");
    if (!fits_a_header(fresh.reveal()))
        return error::from_credentials("the token file " + file_.string() +
                                       " holds white space or other characters that no header takes");
    token_ = std::move(fresh);
    fingerprint_ = std::move(fingerprint);
    return token_;
}

} // namespace s2
