#pragma once
// Words in mapped memory. store_last is the store that makes what was written before it count: whoever dies
// before it has changed nothing.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace agent {

template <class T>
T load_at(std::span<const std::byte> bytes, std::size_t offset) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

template <class T>
void store_at(std::span<std::byte> bytes, std::size_t offset, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

inline void store_last(std::span<std::byte> bytes, std::size_t offset, std::uint64_t word) {
    std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(bytes.data() + offset))
        .store(word, std::memory_order_release);
}

// Keeps the compiler and the CPU from moving earlier stores behind later ones.
inline void store_fence() {
    std::atomic_thread_fence(std::memory_order_release);
}

} // namespace agent
