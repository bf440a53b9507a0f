#include "agent/config/file.hpp"
#include "agent/config/make_config.hpp"
#include "agent/config/setting_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using testing::HasSubstr;
using flags = std::vector<std::string>;

class configuration : public testing::Test {
protected:
    host_facts host{{{"HOME", "/home/someone"}}, false, [this](const auto& file) {
                        return files.contains(file.string());
                    }};
    std::map<std::string, std::string> files;

    std::variant<config, config_error> make(flags given) {
        CLI::App app("test", "ringtail run");
        const setting_flags known(app);
        std::reverse(given.begin(), given.end());
        app.parse(given);
        auto values = known.gather(
            host.environment, [this](const std::filesystem::path& file) -> net::result<std::string> {
                const auto found = files.find(file.string());
                if (found == files.end())
                    return make_error_code(boost::system::errc::no_such_file_or_directory);
                return found->second;
            });
        if (const auto* failed = std::get_if<config_error>(&values))
            return *failed;
        return make_config(std::get<setting_values>(values), host);
    }

    config good(flags given) {
        auto made = make(std::move(given));
        if (const auto* failed = std::get_if<config_error>(&made)) {
            ADD_FAILURE() << failed->message;
            return {};
        }
        return std::get<config>(made);
    }

    std::string bad(flags given, exit_code code = exit_code::usage) {
        const auto made = make(std::move(given));
        const auto* failed = std::get_if<config_error>(&made);
        if (!failed) {
            ADD_FAILURE() << "accepted";
            return {};
        }
        EXPECT_EQ(failed->code, code);
        return failed->message;
    }
};

TEST_F(configuration, defaults_are_the_contracts) {
    const config made = good({});
    EXPECT_FALSE(made.input);
    EXPECT_FALSE(made.session_id);
    EXPECT_EQ(made.categories, all_categories());
    EXPECT_FALSE(made.start);
    ASSERT_TRUE(made.listen);
    EXPECT_EQ(made.listen->text(), "127.0.0.1:10001");
    EXPECT_FALSE(made.unix_path);
    EXPECT_FALSE(made.ndjson_unix_path);
    EXPECT_EQ(made.s2.basin, "");
    EXPECT_EQ(made.s2.stream_template, "{capture_session_id}");
    EXPECT_FALSE(made.s2.insecure);
    EXPECT_EQ(made.s2.compression, s2::compression::none);
    EXPECT_EQ(made.delivery.linger, 100ms);
    EXPECT_EQ(made.delivery.batch_records, 50u);
    EXPECT_EQ(made.delivery.batch_bytes, 1048576u);
    EXPECT_EQ(made.delivery.in_flight, 8u);
    EXPECT_EQ(made.delivery.connect_timeout, 3s);
    EXPECT_EQ(made.delivery.ack_timeout, 4s);
    EXPECT_EQ(made.delivery.idle_close, 30s);
    EXPECT_EQ(made.state_dir, "/home/someone/.local/state/ringtail");
    EXPECT_EQ(made.ring_capacity, 268435456u);
    EXPECT_EQ(made.live_history, 8388608u);
    EXPECT_EQ(made.store_capacity, 10737418240u);
    EXPECT_TRUE(made.files.empty());
    EXPECT_EQ(made.shutdown_timeout, 8s);
    EXPECT_EQ(made.input_grace, 2s);
    EXPECT_EQ(made.report, "");
    EXPECT_EQ(made.log_level, "info");
    EXPECT_EQ(made.log, log_format::text);
    EXPECT_TRUE(made.notes.empty());
}

// The table of --help can't drift from the struct's defaults.
TEST_F(configuration, defaults_in_the_help_are_what_is_used) {
    flags all;
    for (const setting& one : all_settings()) {
        if (one.value == "DURATION" || one.value == "SIZE" || one.value == "N")
            all.push_back("--" + std::string(one.name) + "=" + std::string(one.default_text));
    }
    const config shown = good(all);
    const config used = good({});
    EXPECT_EQ(shown.delivery.linger, used.delivery.linger);
    EXPECT_EQ(shown.delivery.batch_records, used.delivery.batch_records);
    EXPECT_EQ(shown.delivery.batch_bytes, used.delivery.batch_bytes);
    EXPECT_EQ(shown.delivery.in_flight, used.delivery.in_flight);
    EXPECT_EQ(shown.delivery.connect_timeout, used.delivery.connect_timeout);
    EXPECT_EQ(shown.delivery.ack_timeout, used.delivery.ack_timeout);
    EXPECT_EQ(shown.delivery.idle_close, used.delivery.idle_close);
    EXPECT_EQ(shown.ring_capacity, used.ring_capacity);
    EXPECT_EQ(shown.live_history, used.live_history);
    EXPECT_EQ(shown.store_capacity, used.store_capacity);
    EXPECT_EQ(shown.shutdown_timeout, used.shutdown_timeout);
}

TEST_F(configuration, every_flag_arrives) {
    files["/ca"] = ""; // looked for at once
    const config made = good({"--input",
                              "in.ndjson",
                              "--session-id",
                              "0E5FBD2C-6C7B-4A52-9D0B-0C2F6F8F0001",
                              "--categories",
                              "console,page",
                              "--start",
                              "--listen",
                              "[::1]:81",
                              "--unix",
                              "/run/api",
                              "--ndjson-unix",
                              "/run/in",
                              "--api-token-file",
                              "/t",
                              "--s2-basin",
                              "some-basin",
                              "--s2-account-endpoint",
                              "http://localhost:1",
                              "--s2-basin-endpoint",
                              "http://localhost:1",
                              "--s2-token-file",
                              "/token",
                              "--s2-stream",
                              "vm/{capture_session_id}",
                              "--s2-ca",
                              "/ca",
                              "--s2-insecure",
                              "--s2-compression",
                              "zstd",
                              "--linger",
                              "5ms",
                              "--batch-records",
                              "7",
                              "--batch-bytes",
                              "64k",
                              "--in-flight",
                              "3",
                              "--connect-timeout",
                              "1s",
                              "--ack-timeout",
                              "2s",
                              "--idle-close",
                              "1m",
                              "--state-dir",
                              "/s",
                              "--ring-capacity",
                              "32MiB",
                              "--live-history",
                              "1MiB",
                              "--store-capacity",
                              "1GiB",
                              "--files",
                              "/f",
                              "--shutdown-timeout",
                              "3s",
                              "--report",
                              "-",
                              "--log-level",
                              "DEBUG",
                              "--log-format",
                              "json"});
    EXPECT_EQ(made.input, "in.ndjson");
    EXPECT_EQ(made.session_id, "0e5fbd2c-6c7b-4a52-9d0b-0c2f6f8f0001");
    EXPECT_EQ(made.categories.count(), 2u);
    EXPECT_TRUE(contains(made.categories, category::console) && contains(made.categories, category::page));
    EXPECT_TRUE(made.start);
    EXPECT_EQ(made.listen->text(), "[::1]:81");
    EXPECT_EQ(made.unix_path, "/run/api");
    EXPECT_EQ(made.ndjson_unix_path, "/run/in");
    EXPECT_EQ(made.api_token_file, "/t");
    EXPECT_EQ(made.s2.basin, "some-basin");
    EXPECT_EQ(made.s2.account_endpoint, "http://localhost:1");
    EXPECT_EQ(made.s2.basin_endpoint, "http://localhost:1");
    EXPECT_EQ(made.s2.token_file, "/token");
    EXPECT_EQ(made.s2.stream_template, "vm/{capture_session_id}");
    EXPECT_EQ(made.s2.ca_file, "/ca");
    EXPECT_TRUE(made.s2.insecure);
    EXPECT_EQ(made.s2.compression, s2::compression::zstd);
    EXPECT_EQ(made.delivery.linger, 5ms);
    EXPECT_EQ(made.delivery.batch_records, 7u);
    EXPECT_EQ(made.delivery.batch_bytes, 65536u);
    EXPECT_EQ(made.delivery.in_flight, 3u);
    EXPECT_EQ(made.delivery.connect_timeout, 1s);
    EXPECT_EQ(made.delivery.ack_timeout, 2s);
    EXPECT_EQ(made.delivery.idle_close, 1min);
    EXPECT_EQ(made.state_dir, "/s");
    EXPECT_EQ(made.ring_capacity, 33554432u);
    EXPECT_EQ(made.live_history, 1048576u);
    EXPECT_EQ(made.store_capacity, 1073741824u);
    EXPECT_EQ(made.files, "/f");
    EXPECT_EQ(made.shutdown_timeout, 3s);
    EXPECT_EQ(made.report, "-");
    EXPECT_EQ(made.log_level, "debug");
    EXPECT_EQ(made.log, log_format::json);
}

// Each setting that has a variable, once as a variable and once in the file, against the same as a flag.
TEST_F(configuration, every_variable_and_every_key_means_the_flag) {
    host.group_id = [](const std::string&) { return 7u; };
    const std::map<std::string_view, std::string> examples{{"UUID", "0e5fbd2c-6c7b-4a52-9d0b-0c2f6f8f0001"},
                                                           {"LIST", "console"},
                                                           {"HOST:PORT|none", "127.0.0.1:5"},
                                                           {"MODE", "0660"},
                                                           {"URL", "http://localhost:9"},
                                                           {"TEMPLATE", "x-{capture_session_id}"},
                                                           {"none|zstd|gzip", "gzip"},
                                                           {"DURATION", "7s"},
                                                           {"SIZE", "20MiB"},
                                                           {"N", "9"},
                                                           {"LEVEL", "warn"},
                                                           {"text|json", "json"},
                                                           {"", "true"},
                                                           {"NAME", "some-basin"}};
    for (const setting& one : all_settings()) {
        if (one.name == "config" || one.name == "input")
            continue;
        const auto found = examples.find(one.value);
        std::string example = found == examples.end() ? "/some/path" : found->second;
        if (one.name == "batch-bytes" || one.name == "live-history")
            example = "1MiB";
        const auto text_of = [](const setting_values& values, std::string_view name) {
            const setting_value* value = values.find(name);
            return value ? value->text : std::string("absent");
        };
        CLI::App app("test");
        const setting_flags known(app);
        const variables environment{{std::string(one.variable), example}};
        const auto by_variable = known.gather(environment, {});
        EXPECT_EQ(text_of(std::get<setting_values>(by_variable), one.name), example) << one.variable;
        setting_values by_file;
        const std::string written = one.value.empty() || one.value == "N" ? example : "\"" + example + "\"";
        EXPECT_FALSE(gather_file(std::string(one.name) + " = " + written + "\n", "f", by_file)) << one.name;
        EXPECT_EQ(text_of(by_file, one.name), example) << one.name;
        EXPECT_TRUE(std::holds_alternative<config>(make_config(by_file, host)) || one.name == "linger")
            << one.name;
    }
}

TEST_F(configuration, flags_win_over_variables_over_file) {
    files["/etc/ringtail.toml"] =
        "# a comment\nlinger = \"1s\"\nack-timeout = \"1s\"\nin-flight = 2\nstart = true\n"
        "categories = [\"console\", \"network\"]\n";
    host.environment["RINGTAIL_LINGER"] = "2s";
    host.environment["RINGTAIL_ACK_TIMEOUT"] = "2s";
    host.environment["RINGTAIL_CONFIG"] = "/etc/ringtail.toml";
    const config made = good({"--linger", "3s"});
    EXPECT_EQ(made.delivery.linger, 3s);
    EXPECT_EQ(made.delivery.ack_timeout, 2s);
    EXPECT_EQ(made.delivery.in_flight, 2u);
    EXPECT_TRUE(made.start);
    EXPECT_EQ(made.categories.count(), 2u);
    EXPECT_FALSE(good({"--start=false"}).start);
}

TEST_F(configuration, an_error_names_where_the_value_came_from) {
    files["/c.toml"] = "linger = \"fast\"\n";
    EXPECT_EQ(bad({"--linger", "5"}),
              "--linger: '5' is not a duration; write a number and a unit, like 100ms, 5s or 1m30s");
    EXPECT_THAT(bad({"--config", "/c.toml"}),
                HasSubstr("linger in /c.toml, line 1: 'fast' is not a duration"));
    host.environment["RINGTAIL_BATCH_BYTES"] = "many";
    EXPECT_THAT(bad({}), HasSubstr("RINGTAIL_BATCH_BYTES: 'many' is not a size"));
}

TEST_F(configuration, files_that_do_not_hold) {
    files["/c.toml"] = "lingr = \"1s\"\n";
    EXPECT_THAT(bad({"--config", "/c.toml"}),
                HasSubstr("/c.toml: line 1: unknown key 'lingr'; did you mean 'linger'?"));
    files["/c.toml"] = "s2-token = \"very-secret\"\n";
    const std::string message = bad({"--config", "/c.toml"});
    EXPECT_THAT(message, HasSubstr("s2-token-file"));
    EXPECT_THAT(message, testing::Not(HasSubstr("very-secret")));
    files["/c.toml"] = "[s2]\nbasin = \"some-basin\"\n";
    EXPECT_THAT(bad({"--config", "/c.toml"}), HasSubstr("unknown key 's2'; there are no sections"));
    files["/c.toml"] = "files = \"/var/a#b\"\n";
    EXPECT_EQ(good({"--config", "/c.toml"}).files, "/var/a#b");
    files["/c.toml"] = "config = \"/other.toml\"\n";
    EXPECT_THAT(bad({"--config", "/c.toml"}), HasSubstr("unknown key 'config'"));
    EXPECT_THAT(bad({"--config", "/none.toml"}, exit_code::unusable),
                HasSubstr("cannot read the configuration file /none.toml (--config)"));
}

TEST_F(configuration, other_variables_still_in_quotes) {
    const auto expect_refused = [this](const std::string& name) {
        const std::string said = bad({});
        EXPECT_THAT(said, HasSubstr(name + ": its value is still in quotes"));
        EXPECT_THAT(said, testing::Not(HasSubstr("very-secret")));
    };
    for (const char* name : {"STATE_DIRECTORY", "XDG_STATE_HOME", "CREDENTIALS_DIRECTORY"}) {
        host.environment[name] = "\"/very-secret\"";
        expect_refused(name);
        host.environment.erase(name);
    }
    host.secrets["S2_ACCESS_TOKEN"] = net::secret("\"/very-secret\"");
    expect_refused("S2_ACCESS_TOKEN");
}

TEST_F(configuration, the_variables_token_is_trimmed_as_a_file_is) {
    for (const char* text : {"some-token\n", " some-token\r\n", "\tsome-token "}) {
        host.secrets["S2_ACCESS_TOKEN"] = net::secret(text);
        EXPECT_EQ(good({"--s2-basin", "some-basin"}).s2.token.reveal(), "some-token");
    }
    host.secrets["S2_ACCESS_TOKEN"] = net::secret("\n");
    EXPECT_TRUE(good({"--s2-basin", "some-basin"}).s2.token.empty());
}

TEST_F(configuration, authorities_that_are_not_there) {
    EXPECT_EQ(bad({"--s2-basin", "some-basin", "--s2-ca", "/ca.pem"}, exit_code::unusable),
              "--s2-ca: '/ca.pem' cannot be read: No such file or directory; name the file with the "
              "authorities (PEM)");
    good({"--s2-ca", "/ca.pem"}); // the embedded store asks for none
    files["/ca.pem"] = "";
    EXPECT_EQ(good({"--s2-basin", "some-basin", "--s2-ca", "/ca.pem"}).s2.ca_file, "/ca.pem");
}

TEST_F(configuration, the_ring_holds_twice_the_live_history) {
    EXPECT_THAT(bad({"--ring-capacity", "15MiB"}), HasSubstr("--ring-capacity: '15MiB' is outside 16MiB"));
    EXPECT_THAT(bad({"--ring-capacity", "16MiB", "--live-history", "9MiB"}),
                HasSubstr("at least twice the live history"));
    EXPECT_THAT(bad({"--live-history", "129MiB"}), HasSubstr("--live-history: '129MiB' does not fit"));
    EXPECT_EQ(good({"--ring-capacity", "16MiB"}).ring_capacity, 16777216u);
}

TEST_F(configuration, listening) {
    EXPECT_THAT(bad({"--listen", "0.0.0.0:80"}), HasSubstr("--api-token-file"));
    EXPECT_THAT(bad({"--listen", "example.org:80"}), HasSubstr("--api-token-file"));
    EXPECT_EQ(good({"--listen", "0.0.0.0:80", "--api-token-file", "/t"}).listen->text(), "0.0.0.0:80");
    EXPECT_EQ(good({"--listen", "localhost:80"}).listen->text(), "localhost:80");
    EXPECT_FALSE(good({"--listen", "none"}).listen);
    EXPECT_FALSE(good({"--input", "-"}).listen);
    EXPECT_EQ(good({"--input", "-", "--listen", "127.0.0.1:7"}).listen->text(), "127.0.0.1:7");
    for (const char* text : {"80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "unix:/run/x", "a b:1"})
        EXPECT_THAT(bad({"--listen", text}), HasSubstr("is not HOST:PORT")) << text;
    EXPECT_THAT(bad({"--listen", "0.0.0.0:80"}), HasSubstr("--open-listen"));
    EXPECT_EQ(good({"--listen", "0.0.0.0:80", "--open-listen"}).listen->text(), "0.0.0.0:80");
    EXPECT_THAT(bad({"--unix", std::string(108, 'x')}), HasSubstr("107 bytes"));
    EXPECT_THAT(bad({"--unix", "/a", "--ndjson-unix", "/a"}), HasSubstr("each its own path"));
}

TEST_F(configuration, who_may_use_the_unix_sockets) {
    host.group_id = [](const std::string& name) {
        return name == "browser" ? std::optional(1234u) : std::nullopt;
    };
    EXPECT_EQ(good({}).unix_access, (net::socket_access{0600, std::nullopt}));
    EXPECT_EQ(good({"--unix-mode", "0660", "--unix-group", "browser"}).unix_access,
              (net::socket_access{0660, 1234u}));
    EXPECT_EQ(good({"--unix-mode", "666"}).unix_access.mode, 0666u);
    for (const char* text : {"rw", "0o660", "0680", "-0600", "1777", "66000000000000", "0600 "})
        EXPECT_THAT(bad({"--unix-mode=" + std::string(text)}), HasSubstr("is not a file's mode")) << text;
    EXPECT_THAT(bad({"--unix-mode", "0460"}), HasSubstr("shuts out the agent's own user"));
    EXPECT_THAT(bad({"--unix-group", "nobody-knows"}),
                HasSubstr("'nobody-knows' is no group of this machine"));
    EXPECT_FALSE(good({"--unix-group", "none"}).unix_access.group);
}

TEST_F(configuration, a_listener_for_metrics) {
    EXPECT_FALSE(good({}).metrics_listen);
    EXPECT_EQ(good({"--metrics-listen", "0.0.0.0:9464"}).metrics_listen->text(), "0.0.0.0:9464");
    EXPECT_FALSE(good({"--metrics-listen", "none"}).metrics_listen);
    for (const char* text : {"9464", "unix:/run/x", "a b:1"})
        EXPECT_THAT(bad({"--metrics-listen", text}), HasSubstr("is not HOST:PORT")) << text;
    EXPECT_THAT(bad({"--listen", "127.0.0.1:5", "--metrics-listen", "127.0.0.1:5"}),
                HasSubstr("where /metrics is anyway"));
}

TEST_F(configuration, a_proxy_comes_from_variables) {
    EXPECT_FALSE(good({}).s2.proxy.https);
    host.secrets["HTTPS_PROXY"] = net::secret("http://user:sekrit@proxy:3128");
    host.environment["NO_PROXY"] = "internal";
    const auto made = good({}).s2.proxy;
    ASSERT_TRUE(made.https);
    EXPECT_EQ(made.https->at.text(), "proxy:3128");
    EXPECT_EQ(made.no_proxy, "internal");
    host.secrets["https_proxy"] = net::secret("http://small:1");
    host.environment["no_proxy"] = "small";
    EXPECT_EQ(good({}).s2.proxy.https->at.text(), "small:1");
    EXPECT_EQ(good({}).s2.proxy.no_proxy, "small");
    for (const char* text : {"https://user:sekrit@proxy", "socks5://user:sekrit@proxy", "http://user:sekrit@",
                             "http://user:sekrit@a b", "'http://user:sekrit@proxy:1'"}) {
        host.secrets["https_proxy"] = net::secret(text);
        const auto of_it = testing::AllOf(HasSubstr("https_proxy"), testing::Not(HasSubstr("sekrit")));
        EXPECT_THAT(bad({"--s2-basin", "some-basin"}), of_it) << text;
        EXPECT_THAT(good({}).notes, testing::ElementsAre(of_it)) << text;
        EXPECT_THAT(good({"--s2-basin", "some-basin", "--s2-account-endpoint", "http://localhost:1",
                          "--s2-basin-endpoint", "http://localhost:1"})
                        .notes,
                    testing::ElementsAre(of_it));
    }
}

TEST_F(configuration, values_out_of_bounds) {
    EXPECT_THAT(bad({"--session-id", "x"}), HasSubstr("is not a UUID"));
    EXPECT_THAT(bad({"--categories", "console,nonsense"}),
                HasSubstr("unknown category 'nonsense'; known are console, "));
    EXPECT_THAT(bad({"--batch-records", "0"}), HasSubstr("is not a number from 1 to 1000"));
    EXPECT_THAT(bad({"--batch-records", "1001"}), HasSubstr("is not a number from 1 to 1000"));
    EXPECT_THAT(bad({"--batch-records", "5x"}), HasSubstr("is not a number"));
    EXPECT_THAT(bad({"--batch-bytes", "2MiB"}), HasSubstr("is outside 1B to 1MiB"));
    EXPECT_THAT(bad({"--in-flight", "0"}), HasSubstr("is not a number from 1"));
    EXPECT_THAT(bad({"--ack-timeout", "0"}), HasSubstr("is outside 1ms"));
    EXPECT_THAT(bad({"--s2-basin", "x"}), HasSubstr("is not a basin's name"));
    EXPECT_THAT(bad({"--s2-basin-endpoint", "ftp://x"}), HasSubstr("is not an endpoint"));
    EXPECT_THAT(bad({"--s2-compression", "lz4"}), HasSubstr("none, zstd or gzip"));
    EXPECT_THAT(bad({"--s2-stream", "{vm}"}), HasSubstr("{capture_session_id} is the only one"));
    EXPECT_THAT(bad({"--s2-stream", std::string(504, 'x')}), HasSubstr("too long"));
    EXPECT_THAT(bad({"--log-level", "loud"}), HasSubstr("trace, debug"));
    EXPECT_THAT(bad({"--log-format", "xml"}), HasSubstr("text or json"));
    EXPECT_THAT(bad({"--start=maybe"}), HasSubstr("neither true nor false"));
    EXPECT_THAT(bad({"--state-dir", ""}), HasSubstr("name a directory, or none"));
}

TEST_F(configuration, where_the_state_lives) {
    EXPECT_TRUE(good({"--state-dir", "none"}).state_dir.empty());
    host.root = true;
    EXPECT_EQ(good({}).state_dir, "/var/lib/ringtail");
    host.environment["XDG_STATE_HOME"] = "/x";
    EXPECT_EQ(good({}).state_dir, "/x/ringtail");
    host.environment["STATE_DIRECTORY"] = "/run/one:/run/two";
    EXPECT_EQ(good({}).state_dir, "/run/one");
    host.environment["RINGTAIL_STATE_DIR"] = "/r";
    EXPECT_EQ(good({}).state_dir, "/r");
    EXPECT_EQ(good({"--state-dir", "/f"}).state_dir, "/f");
    host = {{}, false, {}};
    EXPECT_THAT(bad({}), HasSubstr("no default is known"));
}

TEST_F(configuration, where_the_token_comes_from) {
    host.environment["CREDENTIALS_DIRECTORY"] = "/creds";
    EXPECT_TRUE(good({"--s2-basin", "some-basin"}).s2.token_file.empty());
    files["/creds/s2_access_token"] = "x";
    EXPECT_EQ(good({"--s2-basin", "some-basin"}).s2.token_file, "/creds/s2_access_token");
    host.secrets["S2_ACCESS_TOKEN"] = net::secret("from-variable");
    const config by_variable = good({"--s2-basin", "some-basin"});
    EXPECT_EQ(by_variable.s2.token.reveal(), "from-variable");
    EXPECT_TRUE(by_variable.s2.token_file.empty());
    host.environment["S2_ACCESS_TOKEN_FILE"] = "/file";
    const config by_file = good({"--s2-basin", "some-basin"});
    EXPECT_TRUE(by_file.s2.token.empty());
    EXPECT_EQ(by_file.s2.token_file, "/file");
}

TEST_F(configuration, white_space_around_the_tokens_variable_is_not_part_of_it) {
    host.secrets["S2_ACCESS_TOKEN"] = net::secret(" the-token\r\n");
    EXPECT_EQ(good({"--s2-basin", "some-basin"}).s2.token.reveal(), "the-token");
}

TEST_F(configuration, without_a_basin_other_s2_settings_are_named_as_unused) {
    EXPECT_TRUE(good({}).notes.empty());
    host.secrets["S2_ACCESS_TOKEN"] = net::secret("very-secret");
    host.environment["S2_BASIN_ENDPOINT"] = "http://localhost:1";
    const config made = good({});
    ASSERT_EQ(made.notes.size(), 1u);
    EXPECT_THAT(made.notes[0], HasSubstr("embedded store; unused: S2_BASIN_ENDPOINT, S2_ACCESS_TOKEN"));
    EXPECT_THAT(made.notes[0], testing::Not(HasSubstr("very-secret")));
    EXPECT_TRUE(
        good({"--s2-basin", "some-basin", "--s2-account-endpoint", "http://localhost:1"}).notes.empty());
    EXPECT_EQ(good({"--s2-basin", "some-basin"}).notes.size(),
              1u); // one endpoint alone is the cloud's other half
}

// It stands in each stored place, whose slots are of a fixed size.
TEST_F(configuration, an_endpoint_of_more_than_512_bytes_is_refused) {
    for (const char* name : {"--s2-account-endpoint", "--s2-basin-endpoint"}) {
        const std::string url = "http://host/" + std::string(500, 'p');
        EXPECT_TRUE(good({"--s2-basin", "some-basin", name, url}).notes.size() == 1u);
        EXPECT_THAT(bad({"--s2-basin", "some-basin", name, url + "p"}), HasSubstr("longer than 512 bytes"));
    }
}

TEST(switches, take_the_usual_words) {
    for (const char* yes : {"1", "true", "yes", "on", "True", "YES"})
        EXPECT_EQ(parse_switch(yes), true) << yes;
    for (const char* no : {"0", "false", "no", "off", "False", ""})
        EXPECT_EQ(parse_switch(no), false) << no;
    EXPECT_EQ(parse_switch("2"), std::nullopt);
}

TEST_F(configuration, the_watchdog_is_the_service_managers) {
    EXPECT_FALSE(good({}).watchdog);
    for (const auto* none : {"", "0", "-5", "1s", "9223372036854776", "9223372036854775807"}) {
        host.environment["WATCHDOG_USEC"] = none;
        EXPECT_FALSE(good({}).watchdog) << none;
    }
    host.environment["WATCHDOG_USEC"] = "30000000";
    EXPECT_EQ(good({}).watchdog, net::duration(30s));
    host.pid = 71;
    host.environment["WATCHDOG_PID"] = "70";
    EXPECT_FALSE(good({}).watchdog);
    host.environment["WATCHDOG_PID"] = "71";
    EXPECT_EQ(good({}).watchdog, net::duration(30s));
    host.environment["WATCHDOG_USEC"] = "9223372036854775";
    EXPECT_TRUE(good({}).watchdog);
}

} // namespace
} // namespace agent
