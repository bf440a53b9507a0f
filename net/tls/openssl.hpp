#pragma once
// OpenSSL's objects as owners, its errors as values, and the memory that a connection reads from and writes
// to. Included by net/tls_*.cpp only.

#include "net/tls/tls.hpp"

#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <span>
#include <vector>

namespace net {

template <auto Free>
struct openssl_free {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};

using ssl_context_ptr = std::unique_ptr<SSL_CTX, openssl_free<SSL_CTX_free>>;
using ssl_ptr = std::unique_ptr<SSL, openssl_free<SSL_free>>;
using bio_ptr = std::unique_ptr<BIO, openssl_free<BIO_free_all>>;
using x509_ptr = std::unique_ptr<X509, openssl_free<X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, openssl_free<EVP_PKEY_free>>;

struct tls_trust::context {
    ssl_context_ptr ssl;
};

// TLS 1.3 only, buffers freed when idle, no resumption (neither side keeps sessions).
ssl_context_ptr make_ssl_context(const SSL_METHOD* method);

// The newest entry of OpenSSL's error queue, which is emptied; error::protocol where it is empty.
error_code openssl_error() noexcept;

// Ciphertext between OpenSSL and the stream below.
struct tls_memory {
    std::vector<char> received; // holds ciphertext in [received_begin, received_end)
    std::size_t received_begin = 0;
    std::size_t received_end = 0;
    std::vector<char> to_send;
    std::vector<char> sending; // what the stream below is writing
};

// A BIO that reads and writes this memory; the memory must outlive it.
bio_ptr make_memory_bio(tls_memory& memory);

} // namespace net
