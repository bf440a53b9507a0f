#include "tests/sim/certificates.hpp"

#include "net/assert.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/mman.h>

#include <unistd.h>

namespace sim {
namespace {

struct with_openssl {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

    void operator()(X509* certificate) const { X509_free(certificate); }

    void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }

    void operator()(BIO* memory) const { BIO_free(memory); }
};

template <class T>
using owned = std::unique_ptr<T, with_openssl>;

// OpenSSL reads certificates from files only. This one is in memory, for as long as the program runs.
std::filesystem::path file_with(BIO* content) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(content, &bytes);
    const int file = ::memfd_create("certificate", MFD_CLOEXEC);
    NET_ASSERT(file >= 0 && ::write(file, bytes, static_cast<std::size_t>(size)) == size,
               "a small file fits into memory");
    return "/proc/self/fd/" + std::to_string(file);
}

// Valid whatever a simulated clock may say.
owned<X509> sign_own(EVP_PKEY* key) {
    owned<X509> made(X509_new());
    X509* const one = made.get();
    X509_NAME* const name = X509_get_subject_name(one);
    const std::string host(service_host);
    const auto* const host_bytes = reinterpret_cast<const unsigned char*>(host.c_str());
    const owned<X509_EXTENSION> names(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + host).c_str()));
    const bool filled = X509_set_version(one, 2) && ASN1_INTEGER_set(X509_get_serialNumber(one), 1) &&
                        ASN1_TIME_set_string(X509_getm_notBefore(one), "20200101000000Z") &&
                        ASN1_TIME_set_string(X509_getm_notAfter(one), "20991231235959Z") &&
                        X509_set_pubkey(one, key) &&
                        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host_bytes, -1, -1, 0) &&
                        X509_set_issuer_name(one, name) && X509_add_ext(one, names.get(), -1);
    NET_ASSERT(filled && X509_sign(one, key, nullptr) != 0, "a certificate signs itself");
    return made;
}

struct identity_files {
    std::filesystem::path certificate;
    std::filesystem::path key;
};

identity_files make_identity() {
    const owned<EVP_PKEY> key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    NET_ASSERT(key, "OpenSSL makes keys");
    const auto certificate = sign_own(key.get());
    const owned<BIO> certificate_text(BIO_new(BIO_s_mem()));
    const owned<BIO> key_text(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(certificate_text.get(), certificate.get());
    PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return {file_with(certificate_text.get()), file_with(key_text.get())};
}

std::shared_ptr<net::tls_identity> identity_of(const identity_files& files) {
    std::string why;
    auto made = net::tls_identity::from_files(files.certificate, files.key, why);
    if (!made)
        throw std::runtime_error("a certificate of the simulation: " + why);
    return *made;
}

certificates make_certificates() {
    const auto service = make_identity();
    const auto stranger = make_identity();
    return {identity_of(service), identity_of(stranger), service.certificate};
}

} // namespace

const certificates& world_certificates() {
    static const certificates made = make_certificates();
    return made;
}

} // namespace sim
