#include "net/task/deadline.hpp"
#include "net/tls/openssl.hpp"
#include "net/tls/tls.hpp"
#include "tests/unit/net/stream_pair.hpp"
#include "tests/unit/net/system/loop.hpp"

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <fstream>
#include <unistd.h>

namespace net::test {
namespace {

// A key of its own, and a certificate for `name` that it signs itself, as two files.
void write_identity(const std::filesystem::path& certificate, const std::filesystem::path& key,
                    const char* name) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
    X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), pair.get());
    ASSERT_GT(X509_sign(made.get(), pair.get(), EVP_sha256()), 0);
    const auto open = [](const std::filesystem::path& file) {
        return std::unique_ptr<BIO, decltype(&BIO_free)>(BIO_new_file(file.c_str(), "w"), BIO_free);
    };
    ASSERT_EQ(PEM_write_bio_X509(open(certificate).get(), made.get()), 1);
    ASSERT_EQ(PEM_write_bio_PrivateKey(open(key).get(), pair.get(), nullptr, nullptr, 0, nullptr, nullptr),
              1);
}

class tls_test : public system_loop {
protected:
    std::filesystem::path dir;
    std::shared_ptr<tls_identity> identity;
    std::shared_ptr<tls_trust> trust;

    void SetUp() override {
        char name[] = "/tmp/ringtail-tls-XXXXXX";
        dir = ::mkdtemp(name);
        identity = *tls_identity::self_signed(env);
        std::ofstream(dir / "ca.pem") << identity->certificate_pem();
        std::string why;
        const auto loaded = tls_trust::from_file(dir / "ca.pem", why);
        ASSERT_TRUE(loaded) << why;
        trust = *loaded;
    }

    void TearDown() override { std::filesystem::remove_all(dir); }

    tls_client_options trusting(std::string server_name = "localhost") const {
        tls_client_options options;
        options.server_name = std::move(server_name);
        options.trust = trust;
        return options;
    }

    struct both {
        result<std::unique_ptr<stream>> client = error_code(error::protocol);
        result<std::unique_ptr<stream>> server = error_code(error::protocol);
    };

    task<void> meet(std::unique_ptr<stream> client_below, std::unique_ptr<stream> server_below,
                    tls_client_options options, both& met) {
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                met.client = co_await tls_connect(env, std::move(client_below), std::move(options));
            });
            group.spawn([&]() -> task<void> {
                met.server = co_await tls_accept(env, std::move(server_below), identity);
            });
            co_await group.join();
        });
    }

    task<void> meet(tls_client_options options, both& met) {
        auto [one, other] = make_pair(env);
        co_await meet(std::move(one), std::move(other), std::move(options), met);
    }

    error_code verdict(tls_client_options options) {
        both met;
        run([&]() -> task<void> { return meet(std::move(options), met); });
        return met.client ? error_code() : met.client.error();
    }
};

TEST_F(tls_test, bytes_go_both_ways_and_close_notify_is_the_end) {
    run([&]() -> task<void> {
        both met;
        co_await meet(trusting(), met);
        EXPECT_TRUE(met.client && met.server);
        co_await send(**met.client, "ping");
        co_await (*met.client)->shutdown_write();
        const auto heard = co_await receive_all(**met.server);
        EXPECT_EQ(*heard, "ping");
        co_await send(**met.server, "pong"); // the other direction is still open
        co_await (*met.server)->shutdown_write();
        const auto back = co_await receive_all(**met.client);
        EXPECT_EQ(*back, "pong");
        EXPECT_EQ((*met.client)->alpn(), "");
    });
}

TEST_F(tls_test, a_self_signed_certificate_is_refused_unless_it_is_trusted_or_nothing_is_verified) {
    auto options = trusting();
    options.trust = *tls_trust::of_nobody();
    const auto refused = verdict(options);
    EXPECT_EQ(refused, error_code(X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, tls_verify_category()));
    EXPECT_TRUE(is_tls_verify(refused));
    EXPECT_THAT(refused.message(), testing::HasSubstr("self-signed"));
    options.verify = false;
    EXPECT_EQ(verdict(options), error_code());
    EXPECT_EQ(verdict(trusting()), error_code());
}

TEST(tls_verification, kinds_of_refusal_are_told_apart) {
    const std::pair<int, const char*> kinds[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, "expired ("},
        {X509_V_ERR_CERT_NOT_YET_VALID, "not yet valid ("},
        {X509_V_ERR_HOSTNAME_MISMATCH, "wrong name ("},
        {X509_V_ERR_IP_ADDRESS_MISMATCH, "wrong name ("},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "unknown authority ("},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "unknown authority ("}};
    for (const auto& [code, words] : kinds) {
        const error_code ec(code, tls_verify_category());
        EXPECT_THAT(ec.message(), testing::HasSubstr(words));
        EXPECT_EQ(is_tls_time(ec),
                  code == X509_V_ERR_CERT_HAS_EXPIRED || code == X509_V_ERR_CERT_NOT_YET_VALID);
    }
    EXPECT_THAT(error_code(X509_V_ERR_CERT_REVOKED, tls_verify_category()).message(),
                testing::HasSubstr("revoked"));
}

TEST_F(tls_test, the_systems_certificates_do_not_vouch_for_a_stranger) {
    auto options = trusting();
    options.trust = nullptr;
    EXPECT_TRUE(is_tls_verify(verdict(options)));
}

TEST_F(tls_test, the_host_must_be_in_the_certificate) {
    EXPECT_EQ(verdict(trusting("127.0.0.1")), error_code());
    EXPECT_EQ(verdict(trusting("::1")), error_code());
    EXPECT_EQ(verdict(trusting("localhost.")), error_code());
    EXPECT_EQ(verdict(trusting("s2.dev")), error_code(X509_V_ERR_HOSTNAME_MISMATCH, tls_verify_category()));
    EXPECT_EQ(verdict(trusting("127.0.0.2")),
              error_code(X509_V_ERR_IP_ADDRESS_MISMATCH, tls_verify_category()));
    EXPECT_EQ(verdict(trusting("")),
              boost::system::errc::make_error_condition(boost::system::errc::invalid_argument));
}

TEST_F(tls_test, alpn_prefers_h2_and_a_mismatch_is_an_error_of_its_own) {
    const auto agreed = [&](std::vector<std::string> offered) {
        auto options = trusting();
        options.alpn = std::move(offered);
        both met;
        run([&]() -> task<void> { return meet(options, met); });
        return met.client ? (*met.client)->alpn() + "=" + (*met.server)->alpn()
                          : met.client.error().message();
    };
    EXPECT_EQ(agreed({"http/1.1", "h2"}), "h2=h2");
    EXPECT_EQ(agreed({"http/1.1"}), "http/1.1=http/1.1");
    EXPECT_EQ(agreed({"spdy/3"}), make_error_code(error::tls_alpn).message());
}

TEST_F(tls_test, the_cheaper_cipher_is_offered_first_and_the_others_still_are) {
    for (const auto* method : {TLS_client_method(), TLS_server_method()}) {
        const auto made = make_ssl_context(method);
        ASSERT_TRUE(made);
        const auto* offered = SSL_CTX_get_ciphers(made.get());
        std::vector<std::string> names;
        for (int index = 0; index < sk_SSL_CIPHER_num(offered); ++index)
            if (const std::string name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(offered, index));
                name.starts_with("TLS_"))
                names.push_back(name);
        ASSERT_EQ(names.size(), 3U);
        EXPECT_EQ(names.front(), "TLS_AES_128_GCM_SHA256");
        EXPECT_THAT(names, testing::Contains("TLS_AES_256_GCM_SHA384"));
        EXPECT_THAT(names, testing::Contains("TLS_CHACHA20_POLY1305_SHA256"));
    }
}

TEST_F(tls_test, much_goes_both_ways_at_once) {
    constexpr std::size_t total = 10 * 1024 * 1024;
    std::string up(total, '\0');
    env.random_bytes(std::as_writable_bytes(std::span(up)));
    const std::string down(up.rbegin(), up.rend());
    run([&]() -> task<void> {
        both met;
        co_await meet(trusting(), met);
        const auto push = [](stream& to, const std::string& text) -> task<void> {
            const error_code ec = co_await send(to, text);
            EXPECT_FALSE(ec) << ec.message();
            co_await to.shutdown_write();
        };
        const auto pull = [](stream& from, const std::string& expected) -> task<void> {
            const auto all = co_await receive_all(from);
            EXPECT_TRUE(all && *all == expected);
        };
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&] { return push(**met.client, up); });
            group.spawn([&] { return push(**met.server, down); });
            group.spawn([&] { return pull(**met.client, down); });
            group.spawn([&] { return pull(**met.server, up); });
            co_await group.join();
        });
    });
}

TEST_F(tls_test, many_small_buffers_arrive_in_order) {
    run([&]() -> task<void> {
        both met;
        co_await meet(trusting(), met);
        std::vector<std::string> parts;
        std::string expected;
        for (std::size_t i = 0; i < 300; ++i) {
            parts.push_back(std::string(i * 37 % 40'000, static_cast<char>('a' + i % 26)));
            expected += parts.back();
        }
        std::vector<asio::const_buffer> buffers;
        for (const auto& one : parts)
            buffers.push_back(asio::buffer(one));
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const error_code ec = co_await (*met.client)->write(buffers);
                EXPECT_FALSE(ec);
                co_await (*met.client)->shutdown_write();
            });
            const auto all = co_await receive_all(**met.server);
            EXPECT_TRUE(all && *all == expected);
            co_await group.join();
        });
    });
}

TEST_F(tls_test, it_does_not_matter_how_the_bytes_are_split) {
    run([&]() -> task<void> {
        auto [one, other] = make_pair(env);
        both met;
        co_await meet(std::make_unique<hard_stream>(std::move(one), 1),
                      std::make_unique<hard_stream>(std::move(other), 1), trusting(), met);
        EXPECT_TRUE(met.client && met.server);
        const std::string text(20'000, 'x');
        co_await send(**met.client, text);
        const auto heard = co_await receive(**met.server, text.size());
        EXPECT_EQ(*heard, text);
    });
}

TEST_F(tls_test, an_end_without_close_notify_is_no_orderly_end) {
    run([&]() -> task<void> {
        both met;
        co_await meet(trusting(), met);
        co_await send(**met.client, "half");
        (*met.client)->close();
        const auto all = co_await receive_all(**met.server);
        EXPECT_EQ(all.error(), asio::error::connection_reset);
    });
}

// A line that is cut after each of the first bytes of a side: its peer hears of a connection that broke off,
// never of one that stands, and never hangs; the side itself hears that it could not write, or, where all that
// it had to say was out before the cut, has connected or hears that its peer is gone.
TEST_F(tls_test, a_cut_anywhere_in_the_handshake_is_an_error) {
    const auto flight = [&](bool client_side) {
        for (std::size_t cut = 0;; cut += 7) {
            both met;
            run([&]() -> task<void> {
                auto [one, other] = make_pair(env);
                co_await meet(
                    std::make_unique<hard_stream>(std::move(one), SIZE_MAX, client_side ? cut : SIZE_MAX),
                    std::make_unique<hard_stream>(std::move(other), SIZE_MAX, client_side ? SIZE_MAX : cut),
                    trusting(), met);
            });
            const auto& peer = client_side ? met.server : met.client;
            const auto& side = client_side ? met.client : met.server;
            if (peer) {
                EXPECT_TRUE(side) << cut << ": " << side.error().message();
                return cut;
            }
            EXPECT_EQ(peer.error(), asio::error::connection_reset) << cut << ": " << peer.error().message();
            EXPECT_FALSE(side) << cut;
            EXPECT_TRUE(side.error() == asio::error::broken_pipe ||
                        side.error() == asio::error::connection_reset)
                << cut << ": " << side.error().message();
        }
    };
    EXPECT_GT(flight(true), 200U);  // ClientHello and Finished
    EXPECT_GT(flight(false), 600U); // ServerHello to Finished
}

TEST_F(tls_test, a_torn_write_spoils_all_later_ones) {
    run([&]() -> task<void> {
        auto [one, other] = make_pair(env);
        both met;
        co_await meet(std::make_unique<hard_stream>(std::move(one), SIZE_MAX, 20'000), std::move(other),
                      trusting(), met);
        EXPECT_TRUE(met.client && met.server);
        const std::string text(100'000, 'x');
        const error_code first = co_await send(**met.client, text);
        EXPECT_EQ(first, asio::error::broken_pipe);
        const error_code second = co_await send(**met.client, "more");
        EXPECT_EQ(second, first);
        const auto all = co_await receive_all(**met.server);
        EXPECT_EQ(all.error(), asio::error::connection_reset);
    });
}

TEST_F(tls_test, bytes_that_are_not_tls_are_refused) {
    run([&]() -> task<void> {
        auto [one, other] = make_pair(env);
        co_await send(*one, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        const auto server = co_await tls_accept(env, std::move(other), identity);
        EXPECT_FALSE(server);
    });
}

TEST_F(tls_test, an_abort_ends_the_handshake_as_cancelled) {
    run([&]() -> task<void> {
        auto [one, silent] = make_pair(env);
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            bool ended = false;
            group.spawn([&]() -> task<void> {
                const auto made = co_await tls_connect(env, std::move(one), trusting());
                ended = true;
                EXPECT_TRUE(is_cancelled(made.error()));
            });
            co_await sleep_until(env, in(5ms));
            group.abort();
            co_await group.join();
            EXPECT_TRUE(ended);
        });
    });
}

TEST_F(tls_test, a_deadline_in_the_handshake_is_timed_out) {
    run([&]() -> task<void> {
        auto [one, silent] = make_pair(env);
        const deadline_guard guard(env, in(5ms), *one);
        const auto made = co_await tls_connect(env, std::move(one), trusting());
        EXPECT_FALSE(made);
        EXPECT_EQ(guard.outcome(made.error()), error::timed_out);
    });
}

TEST_F(tls_test, close_ends_a_read_and_all_that_follows_as_cancelled) {
    run([&]() -> task<void> {
        both met;
        co_await meet(trusting(), met);
        co_await with_task_group(env, [&](task_group& group) -> task<void> {
            group.spawn([&]() -> task<void> {
                const auto all = co_await receive_all(**met.client);
                EXPECT_TRUE(is_cancelled(all.error()));
            });
            co_await sleep_until(env, in(5ms));
            (*met.client)->close();
            co_await group.join();
        });
        const error_code after = co_await send(**met.client, "late");
        EXPECT_TRUE(is_cancelled(after));
        const error_code end = co_await (*met.client)->shutdown_write();
        EXPECT_TRUE(is_cancelled(end));
    });
}

TEST_F(tls_test, an_identity_from_files_is_who_its_certificate_names) {
    write_identity(dir / "cert.pem", dir / "key.pem", "store.example");
    write_identity(dir / "other.pem", dir / "other.key", "store.example");
    std::string why;
    const auto loaded = tls_identity::from_files(dir / "cert.pem", dir / "key.pem", why);
    ASSERT_TRUE(loaded) << why;
    identity = *loaded;
    trust = *tls_trust::from_file(dir / "cert.pem", why);
    EXPECT_EQ(verdict(trusting("store.example")), error_code());
    EXPECT_EQ(verdict(trusting("localhost")),
              error_code(X509_V_ERR_HOSTNAME_MISMATCH, tls_verify_category()));
    trust = *tls_trust::from_file(dir / "other.pem", why);
    EXPECT_TRUE(is_tls_verify(verdict(trusting("store.example"))));
    // A key that belongs to another certificate, and one that is none, are refused at once.
    for (const auto& key : {dir / "other.key", dir / "cert.pem"}) {
        EXPECT_FALSE(tls_identity::from_files(dir / "cert.pem", key, why));
        EXPECT_THAT(why, testing::HasSubstr(key.string()));
    }
}

TEST_F(tls_test, loading_errors_name_the_file) {
    std::string why;
    EXPECT_FALSE(tls_trust::from_file(dir / "none.pem", why));
    EXPECT_THAT(why, testing::HasSubstr("none.pem"));
    std::ofstream(dir / "bad.pem") << "not a certificate";
    EXPECT_FALSE(tls_trust::from_file(dir / "bad.pem", why));
    EXPECT_THAT(why, testing::HasSubstr("bad.pem"));
    EXPECT_FALSE(tls_identity::from_files(dir / "ca.pem", dir / "no.key", why));
    EXPECT_THAT(why, testing::HasSubstr("no.key"));
}

} // namespace
} // namespace net::test
