// Whom we trust and who we are: certificates and keys from files, and a fresh self-signed one.

#include "net/tls/openssl.hpp"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>

namespace net {
namespace {

constexpr const char* system_certificates = "/etc/ssl/certs";
// Where distributions keep all of them in one file.
constexpr std::array system_bundles{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                    "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
constexpr long day_seconds = 24 * 60 * 60;

std::string said(const std::string& what, const error_code& ec) {
    return what + ": " + ec.message();
}

const char* from_environment(const char* name) {
    const char* value = std::getenv(name);
    return value && *value ? value : nullptr;
}

// Whether certificates can be found there by their subject's hash: 8 hex digits and a number.
bool is_hashed(const char* dir) {
    std::error_code failed;
    for (std::filesystem::directory_iterator at(dir, failed), end; !failed && at != end;
         at.increment(failed)) {
        const std::string name = at->path().filename().string();
        if (name.size() > 9 && name[8] == '.' && name.find_first_not_of("0123456789abcdef") == 8 &&
            name.find_first_not_of("0123456789", 9) == std::string::npos)
            return true;
    }
    return false;
}

// Nullptr: none of them is there.
const char* system_bundle() {
    std::error_code unknown;
    for (const char* one : system_bundles)
        if (std::filesystem::is_regular_file(one, unknown))
            return one;
    return nullptr;
}

// h2 before http/1.1, whatever the client prefers (RFC 7301, 3.2: the server chooses).
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
    static constexpr unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, chosen_size, ours, sizeof ours - 1, offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

ssl_context_ptr server_context() {
    auto made = make_ssl_context(TLS_server_method());
    if (made)
        SSL_CTX_set_alpn_select_cb(made.get(), choose_protocol, nullptr);
    return made;
}

template <class Owner>
result<std::shared_ptr<Owner>> owned(ssl_context_ptr ssl) {
    auto made = std::make_unique<tls_trust::context>();
    made->ssl = std::move(ssl);
    return std::make_shared<Owner>(std::move(made));
}

bool add_extension(X509* to, int which, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, to, to, nullptr, nullptr, 0);
    X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, &context, which, value);
    const bool added = made && X509_add_ext(to, made, -1) == 1;
    X509_EXTENSION_free(made);
    return added;
}

x509_ptr sign_own(environment& env, EVP_PKEY* key) {
    x509_ptr made(X509_new());
    std::array<unsigned char, 16> serial{};
    env.random_bytes(std::as_writable_bytes(std::span(serial)));
    serial[0] = static_cast<unsigned char>((serial[0] & 0x3f) | 0x40); // positive, and of full length
    BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
    const bool numbered = made && number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(made.get()));
    BN_free(number);
    if (!numbered)
        return nullptr;
    X509* const one = made.get();
    const std::time_t now = env.wall_now() / 1'000'000;
    X509_NAME* const name = X509_get_subject_name(one);
    const auto* common_name = reinterpret_cast<const unsigned char*>("localhost");
    const bool filled =
        X509_set_version(one, 2) && ASN1_TIME_set(X509_getm_notBefore(one), now - day_seconds) &&
        ASN1_TIME_set(X509_getm_notAfter(one), now + 365 * day_seconds) && X509_set_pubkey(one, key) &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) &&
        X509_set_issuer_name(one, name) &&
        add_extension(one, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
        add_extension(one, NID_basic_constraints, "critical,CA:FALSE") &&
        add_extension(one, NID_ext_key_usage, "serverAuth");
    if (!filled || X509_sign(one, key, EVP_sha256()) == 0)
        return nullptr;
    return made;
}

} // namespace

tls_trust::tls_trust(std::unique_ptr<context> made)
    : context_(std::move(made)) {}

tls_trust::~tls_trust() = default;

result<std::shared_ptr<tls_trust>> tls_trust::from_file(const std::filesystem::path& ca_file,
                                                        std::string& why) {
    ERR_clear_error();
    auto ssl = make_ssl_context(TLS_client_method());
    if (!ssl)
        return openssl_error();
    X509_STORE* const store = SSL_CTX_get_cert_store(ssl.get());
    if (X509_STORE_load_file(store, ca_file.c_str()) != 1) {
        const error_code ec = openssl_error();
        why = said(ca_file.string(), ec);
        return ec;
    }
    // Who names a certificate trusts it, whether or not it may sign others.
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return owned<tls_trust>(std::move(ssl));
}

result<std::shared_ptr<tls_trust>> tls_trust::of_system(std::string& why) {
    ERR_clear_error();
    auto ssl = make_ssl_context(TLS_client_method());
    if (!ssl)
        return openssl_error();
    X509_STORE* const store = SSL_CTX_get_cert_store(ssl.get());
    const char* file = from_environment("SSL_CERT_FILE");
    const char* dir = from_environment("SSL_CERT_DIR");
    const bool asked = file || dir;
    if (!asked && !is_hashed(system_certificates))
        file = system_bundle();
    if (!asked && !file)
        dir = system_certificates;
    if (file && X509_STORE_load_file(store, file) != 1) {
        const error_code ec = openssl_error();
        why = said(std::string(asked ? "SSL_CERT_FILE " : "") + file, ec);
        return ec;
    }
    if (dir) {
        std::error_code unknown;
        if (!std::filesystem::is_directory(dir, unknown)) {
            const auto ec =
                boost::system::errc::make_error_code(boost::system::errc::no_such_file_or_directory);
            why = said(dir, ec);
            return ec;
        }
        X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
        if (!lookup || X509_LOOKUP_add_dir(lookup, dir, X509_FILETYPE_PEM) != 1)
            return openssl_error();
    }
    return owned<tls_trust>(std::move(ssl));
}

result<std::shared_ptr<tls_trust>> tls_trust::of_nobody() {
    ERR_clear_error();
    auto ssl = make_ssl_context(TLS_client_method());
    if (!ssl)
        return openssl_error();
    return owned<tls_trust>(std::move(ssl));
}

tls_identity::tls_identity(std::unique_ptr<context> made)
    : context_(std::move(made)) {}

tls_identity::~tls_identity() = default;

result<std::shared_ptr<tls_identity>> tls_identity::from_files(const std::filesystem::path& certificate,
                                                               const std::filesystem::path& key,
                                                               std::string& why) {
    ERR_clear_error();
    auto ssl = server_context();
    if (!ssl)
        return openssl_error();
    if (SSL_CTX_use_certificate_chain_file(ssl.get(), certificate.c_str()) != 1) {
        const error_code ec = openssl_error();
        why = said(certificate.string(), ec);
        return ec;
    }
    if (SSL_CTX_use_PrivateKey_file(ssl.get(), key.c_str(), SSL_FILETYPE_PEM) !=
        1) { // checks that it fits, too
        const error_code ec = openssl_error();
        why = said(key.string(), ec);
        return ec;
    }
    return owned<tls_identity>(std::move(ssl));
}

result<std::shared_ptr<tls_identity>> tls_identity::self_signed(environment& env) {
    ERR_clear_error();
    auto ssl = server_context();
    const key_ptr key(EVP_EC_gen("P-256"));
    if (!ssl || !key)
        return openssl_error();
    const auto certificate = sign_own(env, key.get());
    if (!certificate || SSL_CTX_use_certificate(ssl.get(), certificate.get()) != 1 ||
        SSL_CTX_use_PrivateKey(ssl.get(), key.get()) != 1)
        return openssl_error();
    return owned<tls_identity>(std::move(ssl));
}

std::string tls_identity::certificate_pem() const {
    const bio_ptr memory(BIO_new(BIO_s_mem()));
    if (!memory || PEM_write_bio_X509(memory.get(), SSL_CTX_get0_certificate(context_->ssl.get())) != 1)
        return {};
    char* text = nullptr;
    const long size = BIO_get_mem_data(memory.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

} // namespace net
