#pragma once
// A range of a stream that is read back and judged, record by record in its order. What it is read for says
// what a foreign record, a fence and a gap in it mean: one table, in the source.

#include "s2/batch.hpp"
#include "s2/types.hpp"

#include <iosfwd>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace s2 {

enum class proof { acknowledged, read_back };

// The owner's knowledge of what it wrote.
class record_judge {
public:
    virtual ~record_judge() = default;
    // The oldest batch is durable, by that proof.
    virtual void on_durable(std::unique_ptr<batch_content> content, proof how) = 0;
    // Whether this record (not a command) is the next of ours; the owner counts it as durable then.
    virtual bool is_ours(const sequenced_record& record) = 0;
    // Whether a record that stood there before our first claim shows that another writer writes our sessions.
    virtual bool shows_another_writer(const sequenced_record& record) = 0;
    // Whether it stood there before anything of ours existed: nothing below it shows another writer then.
    virtual bool predates_ours(const sequenced_record& record) = 0;
};

struct read_verdict {
    enum class kind {
        go_on,   // more of it is to be read
        judged,  // all of it is
        fenced,  // what was looked for: our fence stands there
        taken,   // another record has the place of our fence
        foreign, // another writer, or what can't be told from one: `why`
    };
    kind what = kind::go_on;
    std::string why = {};

    bool operator==(const read_verdict&) const = default;
};

std::ostream& operator<<(std::ostream& out, const read_verdict& verdict);

class reading {
public:
    enum class purpose {
        find_fence,    // an ambiguous fence: is the record in its place ours?
        recover,       // what an earlier incarnation sent, up to the fence
        look_below,    // never claimed before: are there envelopes of our sessions below the first claim?
        recover_first, // after that, from the first claim's tail to the fence, for an own fence
        compare,       // a 412 on a batch: what stands in the place of the batches that are out
        assess,        // fenced out: which of ours landed before?
    };

    reading(purpose what, std::uint64_t from, std::uint64_t to)
        : purpose_(what)
        , from_(from)
        , to_(to) {}

    // look_below: the first of its steps back. They end with a record that is older than all that is ours, or
    // where nothing can be read. The newest envelope is not enough: a copy may have written other sessions
    // behind those that it shares with us.
    static reading below(std::uint64_t end);

    purpose what() const { return purpose_; }

    // What is still to be read.
    std::uint64_t from() const { return from_; }

    std::uint64_t to() const { return to_; }

    bool empty() const { return from_ >= to_; }

    // Records in order from from() on. An empty page below to() means that they are gone. `tokens`: all own
    // ones, that of this incarnation last.
    read_verdict on_page(std::span<const sequenced_record> records, std::span<const std::string> tokens,
                         record_judge& judge);
    // There is nothing to read: the stream is gone, or (`trimmed`) the range is.
    read_verdict on_gone(bool trimmed) const;

    // The owner has counted what is ours up to here, so whoever is killed between two pages goes on here and
    // does not take ours for another's. Nothing: what was judged proves no claim.
    std::optional<std::uint64_t> judged_to() const;

private:
    read_verdict judge_record(const sequenced_record& record, std::span<const std::string> tokens,
                              record_judge& judge);
    read_verdict judge_fence(const std::optional<std::string>& token, std::span<const std::string> tokens);
    bool all_is_ours() const;
    read_verdict step_back();

    purpose purpose_;
    std::uint64_t from_;
    std::uint64_t to_;
    bool own_fence_seen_ = false;
    bool older_seen_ = false; // a record older than all that is ours
    bool older_gone_ = false; // nothing can be read below what was read
};

} // namespace s2
