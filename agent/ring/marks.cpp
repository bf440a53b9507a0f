#include "agent/ring/marks.hpp"

#include <charconv>
#include <string_view>

namespace agent {
namespace {

constexpr unsigned file_mode = 0600;
constexpr std::uint64_t mark_bytes_max = 4096;
constexpr std::string_view clean_name = "clean";
constexpr std::string_view boot_name = "boot";

std::string clean_text(seq_t last_seq, const std::string& boot_id) {
    return "ringtail clean 1 " + std::to_string(last_seq) + " " + boot_id + "\n";
}

std::optional<seq_t> parse_clean(std::string_view text) {
    constexpr std::string_view begin = "ringtail clean 1 ";
    if (!text.starts_with(begin) || !text.ends_with("\n"))
        return std::nullopt;
    text.remove_prefix(begin.size());
    seq_t last = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), last);
    if (parsed.ec != std::errc{} || *parsed.ptr != ' ')
        return std::nullopt;
    return last;
}

bool same_boot(const std::optional<std::string>& then, std::string_view now) {
    return then && *then == now && !now.starts_with('\n');
}

} // namespace

ring_marks::ring_marks(net::environment& env, std::filesystem::path dir)
    : env_(env)
    , dir_(std::move(dir)) {}

found_marks ring_marks::read() {
    auto& files = env_.files();
    found_marks found;
    if (files.exists(dir_ / clean_name))
        if (const auto text = files.read_all(dir_ / clean_name, mark_bytes_max))
            found.clean_to = parse_clean(*text);
    if (files.exists(dir_ / boot_name))
        if (auto text = files.read_all(dir_ / boot_name, mark_bytes_max))
            boot_ = std::move(*text);
    found.any = found.clean_to || boot_;
    found.same_boot = same_boot(boot_, env_.boot_id() + "\n");
    return found;
}

net::error_code ring_marks::write_boot() {
    const std::string now = env_.boot_id() + "\n";
    if (boot_ == now)
        return {};
    return env_.files().replace(dir_ / boot_name, now, file_mode);
}

net::error_code ring_marks::remove_clean() {
    const auto ec = env_.files().remove(dir_ / clean_name);
    return ec && env_.files().exists(dir_ / clean_name) ? ec : net::error_code{};
}

net::error_code ring_marks::write_clean(seq_t last_seq) {
    return env_.files().replace(dir_ / clean_name, clean_text(last_seq, env_.boot_id()), file_mode);
}

} // namespace agent
