#include "tests/sim/disk_kit.hpp"
#include "tests/sim/shortages.hpp"

namespace sim::test {
namespace {

class shortages_test : public disk_test {
protected:
    fault_table faults{draw(3)};

    shortages_test() {
        storage->lacking = std::make_shared<shortages>(faults, "/s");
        files->meet_shortages();
    }

    void lack(fault which) { storage->lacking->begin(which, 1000); }

    net::error_code of_new_segment() {
        const auto made = files->create_mapped("/s/ring/new", page_bytes);
        return made ? net::error_code() : made.error();
    }
};

TEST_F(shortages_test, each_refuses_the_calls_that_need_what_lacks) {
    struct expectation {
        fault which;
        bool makes_segment, maps_segment, renames, removes, replaces;
    };

    for (const auto& [which, makes, maps, renames, removes, replaces] : {
             expectation{fault::descriptors_scarce, false, false, true, true, false},
             expectation{fault::mappings_scarce, false, false, true, true, true},
             expectation{fault::allocation_fails, false, true, true, true, true},
             expectation{fault::rename_refused, true, true, false, true, false},
             expectation{fault::unlink_refused, true, true, true, false, true},
             expectation{fault::directory_read_only, false, true, false, false, false},
         }) {
        SCOPED_TRACE(name_of(which));
        create("/s/ring/a", page_bytes);
        lack(which);
        EXPECT_EQ(!of_new_segment(), makes);
        EXPECT_EQ(files->open_mapped("/s/ring/a").has_value(), maps);
        EXPECT_EQ(!files->replace("/s/mark", "x", 0600), replaces);
        EXPECT_EQ(!files->rename("/s/ring/a", "/s/ring/b"), renames);
        EXPECT_EQ(!files->remove(renames ? "/s/ring/b" : "/s/ring/a"), removes);
        EXPECT_EQ(storage->exists("/s/ring/new"), makes);
        EXPECT_EQ(faults.count(which), 1) << "a spell, however many calls it refused";
        storage->lacking->end(which);
        for (const auto* left : {"/s/ring/a", "/s/ring/b", "/s/ring/new"})
            (void)files->remove(left);
    }
}

TEST_F(shortages_test, what_is_open_stays_and_another_directory_can_be_changed) {
    auto mapped = create("/s/ring/a", page_bytes);
    auto log = open("/s/log");
    EXPECT_FALSE(files->create_directories("/elsewhere", 0700));
    for (const auto which : {fault::descriptors_scarce, fault::mappings_scarce, fault::directory_read_only})
        lack(which);
    fill(*mapped, 0, 'a');
    EXPECT_FALSE(mapped->sync());
    EXPECT_FALSE(log->append("one"));
    EXPECT_FALSE(log->sync());
    storage->lacking->end(fault::descriptors_scarce);
    EXPECT_FALSE(files->replace("/elsewhere/mark", "x", 0600));
}

TEST_F(shortages_test, only_the_agent_meets_them) {
    lack(fault::descriptors_scarce);
    process_files other(storage);
    EXPECT_TRUE(other.open("/s/log", true));
    EXPECT_EQ(faults.count(fault::descriptors_scarce), 0);
}

} // namespace
} // namespace sim::test
