#include "agent/host/log.hpp"

#include "agent/event/printable.hpp"
#include "net/system/output.hpp"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <unistd.h>

namespace agent {
namespace {

constexpr const char* text_pattern = "%Y-%m-%dT%H:%M:%S.%eZ %-5l %*";

// The message, in which words of others may stand: as a person may see them.
class text_message final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        const std::string shown = printable({message.payload.data(), message.payload.size()});
        out.append(shown.data(), shown.data() + shown.size());
    }

    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<text_message>(); }
};

// The same as a JSON string, so that it is UTF-8 whatever a path held.
class json_message final : public spdlog::custom_flag_formatter {
public:
    void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
        const std::string text = printable({message.payload.data(), message.payload.size()});
        const std::string quoted = boost::json::serialize(boost::json::string(text));
        out.append(quoted.data(), quoted.data() + quoted.size());
    }

    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<json_message>(); }
};

class limited_logger final : public spdlog::logger {
public:
    using spdlog::logger::logger;

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        const std::string_view text(message.payload.data(), message.payload.size());
        const net::time_point now{std::chrono::duration_cast<net::duration>(message.time.time_since_epoch())};
        const auto held = repeats_.pass(repeat_key(text), now, log_repeat_interval, log_repeats_max);
        if (!held)
            return;
        if (*held == 0)
            return spdlog::logger::sink_it_(message);
        const std::string told = fmt::format("{} ({} more like it were held back)", text, *held);
        spdlog::details::log_msg with_count = message;
        with_count.payload = told;
        spdlog::logger::sink_it_(with_count);
    }

    repeat_filter repeats_;
};

// Standard error, which others may hold and nobody may read: a line that is not taken at once is dropped
// and counted.
class standard_error_sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        if (torn_)
            line.push_back('\n');
        format(message, line);
        const auto taken = net::write_without_waiting(STDERR_FILENO, {line.data(), line.size()});
        if (taken == line.size()) {
            dropped_ = 0;
            torn_ = false;
            return;
        }
        ++dropped_;
        torn_ = torn_ || taken > 0;
    }

    void flush_() override {}

private:
    // Cut so that the line, and a JSON line as JSON, ends within its size.
    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) {
        constexpr std::string_view cut_mark = "…";
        const std::size_t begun = line.size();
        const std::string_view all(message.payload.data(), message.payload.size());
        const std::string note =
            dropped_ == 0
                ? std::string()
                : fmt::format(" ({} log lines before this one were dropped: nobody read them)", dropped_);
        std::size_t kept = std::min(all.size(), log_line_bytes_max);
        for (;;) {
            while (kept > 0 && kept < all.size() && (all[kept] & 0xC0) == 0x80)
                --kept; // between characters
            std::string text(all.substr(0, kept));
            text.append(kept < all.size() ? cut_mark : "").append(note);
            spdlog::details::log_msg changed = message;
            changed.payload = {text.data(), text.size()};
            line.resize(begun);
            formatter_->format(changed, line);
            if (line.size() <= log_line_bytes_max || kept == 0)
                return;
            // A character may take six bytes in JSON: what is too much there may be less here.
            kept -= std::clamp(line.size() - log_line_bytes_max, std::size_t{1}, kept / 2 + 1);
        }
    }

    std::uint64_t dropped_ = 0; // since the last line that was taken
    bool torn_ = false;         // the last one only in part
};

} // namespace

void init_log(std::string_view level, log_format format) {
    auto logger = std::make_shared<limited_logger>("", std::make_shared<standard_error_sink>());
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    if (format == log_format::json) {
        formatter->add_flag<json_message>('*');
        formatter->set_pattern(R"({"ts":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","message":%*})");
    } else {
        formatter->add_flag<text_message>('*');
        formatter->set_pattern(text_pattern);
    }
    logger->set_formatter(std::move(formatter));
    logger->set_level(spdlog::level::from_str(std::string(level)));
    logger->flush_on(spdlog::level::trace); // lines of a process that is about to die matter most
    spdlog::set_default_logger(std::move(logger));
}

std::string repeat_key(std::string_view line) {
    constexpr std::size_t key_bytes = 40;
    std::string key;
    for (std::size_t i = 0; i < line.size() && key.size() < key_bytes; ++i)
        if (line[i] < '0' || line[i] > '9')
            key += line[i];
    return key;
}

std::optional<std::uint64_t> repeat_filter::pass(std::string_view key, net::time_point now,
                                                 net::duration interval, std::uint64_t at_most) {
    if (const auto found = seen_.find(key); found != seen_.end()) {
        seen& known = found->second;
        // A clock that was set back begins anew, too.
        if (now < known.begun || now >= net::saturating_add(known.begun, interval)) {
            known.begun = now;
            known.passed = 0;
        }
        if (known.passed >= at_most) {
            ++known.held;
            return std::nullopt;
        }
        ++known.passed;
        return std::exchange(known.held, 0);
    }
    if (seen_.size() >= keys_max) {
        seen_.erase(std::min_element(seen_.begin(), seen_.end(), [](const auto& a, const auto& b) {
            return a.second.begun < b.second.begun;
        }));
    }
    seen_.emplace(std::string(key), seen{now, 1, 0});
    return 0;
}

} // namespace agent
