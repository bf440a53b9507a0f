#include "net/task/condition.hpp"
#include "net/tls/openssl.hpp"

#include <boost/asio/ip/address.hpp>

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

namespace net {
namespace {

constexpr std::size_t record_plaintext_max = 16 * 1024;           // RFC 8446, 5.1
constexpr std::size_t received_min = record_plaintext_max + 1024; // an idle connection holds no more
constexpr std::size_t record_overhead_bytes = 22;                 // of a full record: head, content type, tag
constexpr std::size_t kept_bytes_max = 96 * 1024;                 // of a buffer that is empty
constexpr std::size_t unsent_answers_max = 64 * 1024;             // made by reading only

// A connection, alive as long as an operation on it.
struct session {
    session(environment& env, std::unique_ptr<stream> over)
        : below(std::move(over))
        , send_ended(env) {}

    tls_memory memory; // outlives ssl, whose BIO refers to it
    ssl_ptr ssl;
    std::unique_ptr<stream> below;
    std::size_t received_size = received_min;
    bool sending = false;
    condition send_ended;
    error_code write_failure; // rule 3
    bool closed = false;

    void close() noexcept {
        closed = true;
        below->close();
        send_ended.notify();
    }
};

using session_ptr = std::shared_ptr<session>;

// Room for `more` bytes behind what OpenSSL has not read yet. A buffer that a burst has made large goes after
// it.
void make_room(tls_memory& memory, std::size_t more) {
    const std::size_t kept = memory.received_end - memory.received_begin;
    if (kept > 0)
        std::memmove(memory.received.data(), memory.received.data() + memory.received_begin, kept);
    memory.received_begin = 0;
    memory.received_end = kept;
    if (memory.received.size() < kept + more || memory.received.size() > 4 * (kept + more)) {
        memory.received.resize(kept + more);
        memory.received.shrink_to_fit();
    }
}

// One more piece of ciphertext. The buffer follows what comes: four times as large after a read that filled
// it.
task<error_code> receive(session_ptr with) {
    auto& memory = with->memory;
    make_room(memory, with->received_size);
    const asio::mutable_buffer into(memory.received.data() + memory.received_end, with->received_size);
    const auto count = co_await with->below->read_some(into);
    if (!count && is_eof(count.error()))
        co_return asio::error::connection_reset; // rule 1
    if (!count)
        co_return count.error();
    memory.received_end += *count;
    if (*count == with->received_size)
        with->received_size = std::min(tls_chunk_max, with->received_size * 4);
    else if (*count < received_min)
        with->received_size = received_min;
    co_return error_code();
}

// Sends what OpenSSL has made. One at a time: who comes second waits for the first, who may have sent it all.
task<error_code> send(session_ptr with) {
    struct sender {
        session& of;
        bool whole = false;

        explicit sender(session& with_session)
            : of(with_session) {
            of.sending = true;
        }

        ~sender() {
            of.sending = false;
            if (!whole && !of.write_failure)
                of.write_failure = asio::error::operation_aborted;
            of.send_ended.notify();
        }
    };

    while (with->sending)
        co_await with->send_ended.wait();
    while (!with->memory.to_send.empty()) {
        if (with->write_failure || with->closed)
            break;
        sender turn(*with);
        auto& records = with->memory.sending;
        records.clear();
        std::swap(records, with->memory.to_send);
        const asio::const_buffer all(records.data(), records.size());
        const error_code ec = co_await with->below->write(std::span(&all, 1));
        with->write_failure = ec;
        turn.whole = !ec;
        records.clear();
        if (with->memory.to_send.empty())
            std::swap(records, with->memory.to_send); // one buffer stays in the caches, not two
    }
    for (auto* buffer : {&with->memory.sending, &with->memory.to_send})
        if (buffer->empty() && buffer->capacity() > kept_bytes_max)
            std::vector<char>().swap(*buffer);
    if (with->closed)
        co_return asio::error::operation_aborted;
    co_return with->write_failure;
}

// What OpenSSL said about an operation that did not succeed.
error_code failure_of(SSL* ssl, int why) {
    if (why == SSL_ERROR_ZERO_RETURN)
        return error::eof;
    const long verdict = SSL_get_verify_result(ssl);
    if (SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && verdict != X509_V_OK && !SSL_is_init_finished(ssl)) {
        ERR_clear_error();
        return {static_cast<int>(verdict), tls_verify_category()};
    }
    return openssl_error();
}

task<error_code> handshake(session_ptr with) {
    SSL* const ssl = with->ssl.get();
    for (;;) {
        ERR_clear_error();
        const int ended = SSL_do_handshake(ssl);
        const int why = SSL_get_error(ssl, ended);
        const bool failed = ended != 1 && why != SSL_ERROR_WANT_READ;
        const error_code failure = failed ? failure_of(ssl, why) : error_code();
        const error_code unsent = co_await send(with); // on a failure this is the alert
        if (failed)
            co_return failure;
        if (unsent)
            co_return unsent;
        if (ended == 1)
            co_return error_code();
        const error_code ec = co_await receive(with);
        if (ec)
            co_return ec;
    }
}

task<result<std::size_t>> read(session_ptr with, asio::mutable_buffer into) {
    SSL* const ssl = with->ssl.get();
    if (into.size() == 0)
        co_return std::size_t{0};
    for (;;) {
        if (with->closed)
            co_return error_code(asio::error::operation_aborted);
        std::size_t total = 0;
        int why = SSL_ERROR_NONE;
        while (total < into.size()) { // a call yields one record at most
            std::size_t count = 0;
            ERR_clear_error();
            const int ended =
                SSL_read_ex(ssl, static_cast<char*>(into.data()) + total, into.size() - total, &count);
            total += count;
            if (ended == 1)
                continue;
            why = SSL_get_error(ssl, ended);
            break;
        }
        if (total > 0)
            co_return total; // OpenSSL repeats a failure at the next call
        if (why != SSL_ERROR_WANT_READ)
            co_return failure_of(ssl, why);
        if (!with->sending && with->memory.to_send.size() > unsent_answers_max)
            co_return error_code(error::protocol); // key updates without end
        const error_code ec = co_await receive(with);
        if (ec)
            co_return with->closed ? error_code(asio::error::operation_aborted) : ec;
    }
}

// For the records of so much plaintext, as far as they are sent at once: one allocation, not many.
void make_room_to_send(tls_memory& memory, std::size_t plaintext) {
    const std::size_t records = plaintext / record_plaintext_max + 1;
    memory.to_send.reserve(std::min(plaintext + records * record_overhead_bytes, tls_chunk_max));
}

bool encrypt(SSL* ssl, const char* from, std::size_t size) {
    std::size_t count = 0;
    ERR_clear_error();
    return size == 0 || (SSL_write_ex(ssl, from, size, &count) == 1 && count == size);
}

// Small buffers share records: a frame's header and its payload are one record, not two.
task<error_code> write(session_ptr with, std::span<const asio::const_buffer> from) {
    SSL* const ssl = with->ssl.get();
    make_room_to_send(with->memory, asio::buffer_size(from));
    std::vector<char> gathered;
    for (std::size_t i = 0; i < from.size(); ++i) {
        const auto* data = static_cast<const char*>(from[i].data());
        std::size_t left = from[i].size();
        while (left > 0) {
            const bool direct = gathered.empty() && (left >= record_plaintext_max || i + 1 == from.size());
            const std::size_t count = std::min(left, record_plaintext_max - gathered.size());
            if (with->closed)
                co_return asio::error::operation_aborted;
            if (with->write_failure)
                co_return with->write_failure;
            if (!direct)
                gathered.insert(gathered.end(), data, data + count);
            const bool full = !direct && gathered.size() == record_plaintext_max;
            if (direct && !encrypt(ssl, data, count))
                co_return failure_of(ssl, SSL_ERROR_SSL);
            if (full && !encrypt(ssl, gathered.data(), gathered.size()))
                co_return failure_of(ssl, SSL_ERROR_SSL);
            if (full)
                gathered.clear();
            data += count;
            left -= count;
            if (with->memory.to_send.size() + record_plaintext_max < tls_chunk_max)
                continue;
            const error_code ec = co_await send(with);
            if (ec)
                co_return ec;
        }
    }
    if (with->closed)
        co_return asio::error::operation_aborted;
    if (!encrypt(ssl, gathered.data(), gathered.size()))
        co_return failure_of(ssl, SSL_ERROR_SSL);
    const error_code ec = co_await send(with);
    co_return ec;
}

task<error_code> shut_down(session_ptr with) {
    if (with->closed)
        co_return asio::error::operation_aborted;
    if (with->write_failure)
        co_return with->write_failure;
    ERR_clear_error();
    const int ended = SSL_shutdown(with->ssl.get()); // 0: ours is sent, the peer's has not come yet
    if (ended < 0)
        co_return failure_of(with->ssl.get(), SSL_ERROR_SSL);
    const error_code ec = co_await send(with);
    co_return ec;
}

class tls_stream final : public stream {
public:
    explicit tls_stream(session_ptr over)
        : session_(std::move(over)) {}

    ~tls_stream() override { session_->close(); }

    task<result<std::size_t>> read_some(asio::mutable_buffer into) override { return read(session_, into); }

    task<error_code> write(std::span<const asio::const_buffer> from) override {
        return net::write(session_, from);
    }

    task<error_code> shutdown_write() override { return shut_down(session_); }

    void close() noexcept override { session_->close(); }

    std::string alpn() const override {
        const unsigned char* name = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(session_->ssl.get(), &name, &size);
        return {reinterpret_cast<const char*>(name), size};
    }

    std::string peer() const override { return session_->below->peer(); }

private:
    session_ptr session_;
};

// Clones of a VM share the state of OpenSSL's generator; the kernel's fresh bytes part them again.
bool prepare(session& one, tls_trust::context& from) {
    ERR_clear_error();
    RAND_poll();
    one.ssl.reset(SSL_new(from.ssl.get()));
    auto bio = make_memory_bio(one.memory);
    if (!one.ssl || !bio)
        return false;
    SSL_set_bio(one.ssl.get(), bio.get(), bio.get());
    static_cast<void>(bio.release()); // both directions own it once
    return true;
}

bool demand_certificate(environment& env, SSL* ssl, const std::string& server_name) {
    X509_VERIFY_PARAM* const rules = SSL_get0_param(ssl);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    X509_VERIFY_PARAM_set_time(rules, env.wall_now() / 1'000'000);
    SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    error_code is_name;
    asio::ip::make_address(server_name, is_name);
    if (is_name)
        return X509_VERIFY_PARAM_set1_host(rules, server_name.data(), server_name.size()) == 1;
    return X509_VERIFY_PARAM_set1_ip_asc(rules, server_name.c_str()) == 1;
}

bool offer_protocols(SSL* ssl, const std::vector<std::string>& alpn) {
    std::string wire;
    for (const auto& one : alpn)
        wire += static_cast<char>(one.size()) + one;
    const auto* bytes = reinterpret_cast<const unsigned char*>(wire.data());
    return wire.empty() ||
           SSL_set_alpn_protos(ssl, bytes, static_cast<unsigned>(wire.size())) == 0; // 0 is success
}

bool name_server(SSL* ssl, const std::string& server_name) {
    error_code is_name;
    asio::ip::make_address(server_name, is_name);
    return !is_name || SSL_set_tlsext_host_name(ssl, server_name.c_str()) == 1; // RFC 6066, 3: no addresses
}

result<std::shared_ptr<tls_trust>> trust_for(const tls_client_options& options) {
    if (options.trust)
        return options.trust;
    std::string why;
    return options.verify ? tls_trust::of_system(why) : tls_trust::of_nobody();
}

} // namespace

task<result<std::unique_ptr<stream>>> tls_connect(environment& env, std::unique_ptr<stream> below,
                                                  tls_client_options options) {
    while (options.server_name.ends_with('.')) // a rooted name; certificates and SNI have none
        options.server_name.pop_back();
    if (options.verify && options.server_name.empty())
        co_return boost::system::errc::make_error_code(boost::system::errc::invalid_argument);
    const auto trust = trust_for(options);
    if (!trust)
        co_return trust.error();
    auto one = std::make_shared<session>(env, std::move(below));
    if (!prepare(*one, (*trust)->get()))
        co_return openssl_error();
    SSL* const ssl = one->ssl.get();
    SSL_set_connect_state(ssl);
    bool ready = name_server(ssl, options.server_name) && offer_protocols(ssl, options.alpn);
    if (ready && options.verify)
        ready = demand_certificate(env, ssl, options.server_name);
    if (!ready)
        co_return openssl_error();
    auto made = std::make_unique<tls_stream>(one); // closes where we leave early
    const error_code ec = co_await handshake(one);
    if (ec)
        co_return ec;
    if (!options.alpn.empty() && made->alpn().empty())
        co_return error_code(error::tls_alpn);
    co_return std::unique_ptr<stream>(std::move(made));
}

task<result<std::unique_ptr<stream>>> tls_accept(environment& env, std::unique_ptr<stream> below,
                                                 std::shared_ptr<tls_identity> identity) {
    auto one = std::make_shared<session>(env, std::move(below));
    if (!prepare(*one, identity->get()))
        co_return openssl_error();
    SSL_set_accept_state(one->ssl.get());
    auto made = std::make_unique<tls_stream>(one);
    const error_code ec = co_await handshake(one);
    if (ec)
        co_return ec;
    co_return std::unique_ptr<stream>(std::move(made));
}

} // namespace net
