#include "net/tls/openssl.hpp"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>

namespace net {
namespace {

tls_memory& memory_of(BIO* bio) {
    return *static_cast<tls_memory*>(BIO_get_data(bio));
}

int read_memory(BIO* bio, char* into, std::size_t size, std::size_t* count) {
    auto& memory = memory_of(bio);
    BIO_clear_retry_flags(bio);
    *count = std::min(size, memory.received_end - memory.received_begin);
    if (*count == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    std::memcpy(into, memory.received.data() + memory.received_begin, *count);
    memory.received_begin += *count;
    return 1;
}

int write_memory(BIO* bio, const char* from, std::size_t size, std::size_t* count) {
    auto& memory = memory_of(bio);
    BIO_clear_retry_flags(bio);
    memory.to_send.insert(memory.to_send.end(), from, from + size);
    *count = size;
    return 1;
}

long control_memory(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int create_memory(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD* memory_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "net::tls_memory");
        BIO_meth_set_read_ex(made, read_memory);
        BIO_meth_set_write_ex(made, write_memory);
        BIO_meth_set_ctrl(made, control_memory);
        BIO_meth_set_create(made, create_memory);
        return made;
    }();
    return method;
}

// AES-128 first, as browsers have it: beyond what anybody breaks, and a third cheaper on both ends. Only what
// the system's configuration allows.
std::string preferred_ciphersuites(SSL_CTX* context) {
    constexpr std::string_view preferred = "TLS_AES_128_GCM_SHA256";
    const STACK_OF(SSL_CIPHER)* allowed = SSL_CTX_get_ciphers(context);
    std::string list;
    for (int index = 0; index < sk_SSL_CIPHER_num(allowed); ++index) {
        const std::string name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(allowed, index));
        if (!name.starts_with("TLS_")) // of TLS 1.3
            continue;
        if (name == preferred)
            list.insert(0, name + ":");
        else
            list += name + ":";
    }
    if (!list.empty())
        list.pop_back();
    return list;
}

std::string_view verify_kind(int value) {
    switch (value) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "not yet valid";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "wrong name";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
        return "unknown authority";
    default:
        return "";
    }
}

class verify_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "tls verification"; }

    std::string message(int value) const override {
        const std::string words = X509_verify_cert_error_string(value);
        const std::string kind(verify_kind(value));
        return "the server's certificate is not accepted: " +
               (kind.empty() ? words : kind + " (" + words + ")");
    }
};

class openssl_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "tls"; }

    std::string message(int value) const override {
        const auto code = static_cast<unsigned long>(static_cast<unsigned>(value));
        if (ERR_SYSTEM_ERROR(code)) // of a file, for instance
            return boost::system::system_category().message(ERR_GET_REASON(code));
        const char* reason = ERR_reason_error_string(code);
        return reason ? reason : "OpenSSL error " + std::to_string(code);
    }
};

} // namespace

bio_ptr make_memory_bio(tls_memory& memory) {
    bio_ptr bio(BIO_new(memory_method()));
    if (bio)
        BIO_set_data(bio.get(), &memory);
    return bio;
}

ssl_context_ptr make_ssl_context(const SSL_METHOD* method) {
    // What OpenSSL holds ends with the process; to free it piece by piece would only delay that.
    static const bool initialized = OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
    if (!initialized)
        return nullptr;
    ssl_context_ptr made(SSL_CTX_new(method));
    if (!made || SSL_CTX_set_min_proto_version(made.get(), TLS1_3_VERSION) != 1)
        return nullptr;
    if (SSL_CTX_set_ciphersuites(made.get(), preferred_ciphersuites(made.get()).c_str()) != 1)
        return nullptr;
    SSL_CTX_set_mode(made.get(), SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(made.get(), SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(made.get(), 0);
    return made;
}

error_code openssl_error() noexcept {
    const unsigned long newest = ERR_peek_last_error();
    ERR_clear_error();
    if (newest == 0)
        return error::protocol;
    if (ERR_GET_REASON(newest) == SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL &&
        ERR_GET_LIB(newest) == ERR_LIB_SSL)
        return error::tls_alpn;
    static const openssl_category instance;
    return {static_cast<int>(newest), instance};
}

const boost::system::error_category& tls_verify_category() noexcept {
    static const verify_category instance;
    return instance;
}

bool is_tls_verify(const error_code& ec) noexcept {
    return ec.category() == tls_verify_category() || ec == make_error_code(error::tls_verify);
}

bool is_tls_time(const error_code& ec) noexcept {
    return ec.category() == tls_verify_category() &&
           (ec.value() == X509_V_ERR_CERT_HAS_EXPIRED || ec.value() == X509_V_ERR_CERT_NOT_YET_VALID);
}

} // namespace net
