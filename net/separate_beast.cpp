// The one translation unit that compiles Boost.Beast's bodies.
#include <boost/beast/src.hpp>
