#pragma once
// The kernel's files behind net::file_system. Directories are made with the mode asked for, files 0600.

#include "net/files.hpp"

#include <memory>

namespace net {

std::unique_ptr<file_system> make_system_files();

} // namespace net
