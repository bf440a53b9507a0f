#pragma once
// The bearer token: none, a fixed one, or a file's content (re-read when the file changes, or after the
// server refused the token).

#include "net/environment.hpp"
#include "net/secret.hpp"
#include "s2/error.hpp"

#include <filesystem>
#include <string>
#include <string_view>

namespace s2 {

using net::secret;

constexpr std::uint64_t token_file_bytes_max = 8 * 1024;

class credentials {
public:
    credentials() = default; // none: no authorization header (the embedded store, s2 lite)
    explicit credentials(secret token);
    // Surrounding white space, so also a trailing newline, is not part of the token.
    credentials(net::environment& env, std::filesystem::path token_file);

    // The token as it is now; empty: send no authorization. error::kind::credentials: the file can't be read,
    // is empty, or holds something that can't stand in a header.
    result<secret> bearer();

    // The server refused the token: the file is read again even where it looks unchanged.
    void refresh() { fingerprint_.reset(); }

private:
    net::environment* env_ = nullptr;
    std::filesystem::path file_;
    std::optional<std::string> fingerprint_; // of what token_ was read from
    secret token_;
};

} // namespace s2
