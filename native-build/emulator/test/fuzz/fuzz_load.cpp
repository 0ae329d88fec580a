// The entry point of libFuzzer: built where QUERN_FUZZ is set, which needs clang.
#include <cstddef>
#include <cstdint>

#include "fuzz/load_once.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    quern::emulator::loadOnce({reinterpret_cast<const char*>(data), size});
    return 0;
}
