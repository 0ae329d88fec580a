#include "memory/shadow.hpp"

#include <sys/mman.h>

namespace quern::emulator {

LazyMemory::LazyMemory(std::size_t bytes) {
    void* place =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) return;
    bytes_ = static_cast<std::byte*>(place);
    size_ = bytes;
}

LazyMemory::~LazyMemory() {
    if (bytes_ != nullptr) munmap(bytes_, size_);
}

void LazyMemory::clear() {
    if (bytes_ != nullptr) madvise(bytes_, size_, MADV_DONTNEED);
}

}  // namespace quern::emulator
