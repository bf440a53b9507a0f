// The one translation unit that compiles Boost.JSON's bodies (Debian's package is header plus a shared
// library; one unit here keeps the program to the libraries that every Debian has).
#include <boost/json/src.hpp>
