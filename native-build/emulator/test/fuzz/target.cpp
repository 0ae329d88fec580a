// What libFuzzer calls with each text it makes up (fuzz.sh).
#include <cstddef>
#include <cstdint>

#include "fuzz/load_once.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    quern::emulator::loadOnce({reinterpret_cast<const char*>(data), size});
    return 0;
}
