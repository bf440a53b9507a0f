#pragma once

// What a stream of the intake may say of where it reads from.

namespace net {

class stream_source {
public:
    virtual ~stream_source() = default;
    // Another process writes what is read, and says where it ends: a pipe or a socket, no file and no
    // device; of a named pipe once its first writer has come.
    virtual bool has_writer() const = 0;
};

} // namespace net
