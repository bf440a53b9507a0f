#include "agent/event/category_list.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <gtest/gtest.h>

namespace agent {
namespace {

category_set set_of(std::initializer_list<category> values) {
    category_set set;
    for (const auto value : values)
        set.set(static_cast<std::size_t>(value));
    return set;
}

// The set in words, or the name that is unknown.
std::string read(const category_list& list) {
    if (const auto* unknown = std::get_if<unknown_category>(&list))
        return "unknown " + unknown->name;
    return boost::json::serialize(to_json(std::get<category_set>(list)));
}

std::string read_array(std::string_view text) {
    return read(parse_category_list(boost::json::parse(text).as_array()));
}

TEST(category_list, names_with_commas_between_them) {
    EXPECT_EQ(read(parse_category_list("console")), R"(["console"])");
    EXPECT_EQ(read(parse_category_list("console,network")), R"(["console","network"])");
    EXPECT_EQ(read(parse_category_list(" network ,\tconsole, console ")), R"(["console","network"])");
    EXPECT_EQ(std::get<category_set>(parse_category_list("page,monitor")),
              set_of({category::page, category::monitor}));
}

TEST(category_list, nothing_is_the_empty_set) {
    for (const char* nothing : {"", " ", "\t"})
        EXPECT_EQ(read(parse_category_list(nothing)), "[]");
    EXPECT_EQ(read_array("[]"), "[]");
}

TEST(category_list, an_unknown_name_is_told) {
    EXPECT_EQ(read(parse_category_list("consol")), "unknown consol");
    EXPECT_EQ(read(parse_category_list("console,Network")), "unknown Network");
    for (const char* gap : {",", "console,", ",console", "console,,page"})
        EXPECT_EQ(read(parse_category_list(gap)), "unknown ") << gap;
}

TEST(category_list, an_array_of_names) {
    EXPECT_EQ(read_array(R"(["page","console","page"])"), R"(["console","page"])");
    EXPECT_EQ(read_array(R"(["page"," console"])"), "unknown  console");
    EXPECT_EQ(read_array(R"(["page",1])"), "unknown 1");
    EXPECT_EQ(read_array(R"([null])"), "unknown null");
    EXPECT_EQ(read_array(R"([["page"]])"), R"(unknown ["page"])");
}

TEST(category_list, is_told_in_the_tables_order) {
    EXPECT_EQ(boost::json::serialize(to_json({})), "[]");
    EXPECT_EQ(
        boost::json::serialize(to_json(set_of({category::monitor, category::network, category::console}))),
        R"(["console","network","monitor"])");
    EXPECT_EQ(to_json(all_categories()).size(), category_count);
}

} // namespace
} // namespace agent
