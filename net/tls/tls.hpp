#pragma once
// TLS 1.3 over any net::stream, as a net::stream. OpenSSL sees memory only: one read below takes up to
// tls_chunk_max bytes of records, one write below carries as many records as fit.
//
// Rules:
// 1. close_notify is error::eof; an end of the stream below without it is connection_reset (truncated by
//    somebody).
// 2. What reading makes OpenSSL say (a key update's answer) goes out with the next write, as RFC 8446, 4.6.3
//    allows:
//    a reader never waits for a peer that does not read.
// 3. A write that fails or is aborted half-way leaves a torn record: every later write fails.

#include "net/environment.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace net {

constexpr std::size_t tls_chunk_max = 256 * 1024;

// Whom a client trusts. Shared by its connections.
class tls_trust {
public:
    // On failure `why` says which file, and what is wrong with it.
    static result<std::shared_ptr<tls_trust>> from_file(const std::filesystem::path& ca_file,
                                                        std::string& why);
    // SSL_CERT_FILE and SSL_CERT_DIR where set, else the system's hashed directory, read when a certificate
    // asks for it, else (an image without its links) the one file that has them all.
    static result<std::shared_ptr<tls_trust>> of_system(std::string& why);
    // Verifies nothing; only for connections that do not verify.
    static result<std::shared_ptr<tls_trust>> of_nobody();

    struct context;
    explicit tls_trust(std::unique_ptr<context> made);
    ~tls_trust();

    context& get() { return *context_; }

private:
    std::unique_ptr<context> context_;
};

// Who a server is. Shared by its connections.
class tls_identity {
public:
    // PEM; the certificate's file may hold the chain. On failure `why` says which file, and what is wrong
    // with it.
    static result<std::shared_ptr<tls_identity>>
    from_files(const std::filesystem::path& certificate, const std::filesystem::path& key, std::string& why);
    // A fresh EC P-256 key and a certificate for localhost, 127.0.0.1 and ::1, valid from a day ago for a
    // year.
    static result<std::shared_ptr<tls_identity>> self_signed(environment& env);

    std::string certificate_pem() const; // the leaf, for who wants to trust it

    using context = tls_trust::context;
    explicit tls_identity(std::unique_ptr<context> made);
    ~tls_identity();

    context& get() { return *context_; }

private:
    std::unique_ptr<context> context_;
};

struct tls_client_options {
    std::string server_name;       // a name (sent as SNI) or an address; must be in the certificate
    std::vector<std::string> alpn; // in order of preference; one must be agreed on unless this is empty
    bool verify = true;
    std::shared_ptr<tls_trust> trust; // none: the system's
};

// The handshake has no deadline of its own: guard `below` with a deadline_guard before it is moved in.
task<result<std::unique_ptr<stream>>> tls_connect(environment& env, std::unique_ptr<stream> below,
                                                  tls_client_options options);
// Takes h2, then http/1.1; a client that offers other protocols only is refused, one that offers none is not.
task<result<std::unique_ptr<stream>>> tls_accept(environment& env, std::unique_ptr<stream> below,
                                                 std::shared_ptr<tls_identity> identity);

// Errors of the verification (X509_V_ERR_…), with OpenSSL's words.
const boost::system::error_category& tls_verify_category() noexcept;
bool is_tls_verify(const error_code& ec) noexcept;
bool is_tls_time(const error_code& ec) noexcept; // of them, expired and not yet valid: a clock may be wrong

} // namespace net
