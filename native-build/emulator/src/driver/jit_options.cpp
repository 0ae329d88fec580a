#include "driver/jit_options.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "driver/failure.hpp"

namespace quern::driver {

void LogBuffer::write(const std::string& text) const {
    if (buffer == nullptr || size == nullptr || room == 0) return;
    const std::size_t length = std::min(room - 1, text.size());
    std::memcpy(buffer, text.data(), length);
    buffer[length] = '\0';
    *size = reinterpret_cast<void*>(length + 1);
}

JitOptions JitOptions::of(unsigned count, const CUjit_option* options, void** values) {
    JitOptions jit;
    if (count == 0) return jit;
    requireNotNull(options, "options");
    requireNotNull(values, "optionValues");
    const auto asNumber = [&](unsigned i) {
        return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(values[i]));
    };
    for (unsigned i = 0; i < count; ++i) {
        switch (options[i]) {
            case CU_JIT_INFO_LOG_BUFFER: jit.info.buffer = static_cast<char*>(values[i]); break;
            case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
                jit.info.size = &values[i];
                jit.info.room = asNumber(i);
                break;
            case CU_JIT_ERROR_LOG_BUFFER: jit.error.buffer = static_cast<char*>(values[i]); break;
            case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
                jit.error.size = &values[i];
                jit.error.room = asNumber(i);
                break;
            case CU_JIT_WALL_TIME: jit.wallTime = &values[i]; break;
            case CU_JIT_LOG_VERBOSE: jit.verbose = asNumber(i) != 0; break;
            case CU_JIT_TARGET: jit.target = static_cast<int>(asNumber(i)); break;
            case CU_JIT_GLOBAL_SYMBOL_NAMES:
            case CU_JIT_GLOBAL_SYMBOL_ADDRESSES:
            case CU_JIT_GLOBAL_SYMBOL_COUNT:
                throw Failure(CUDA_ERROR_NOT_SUPPORTED,
                              "the emulator cannot place globals at given addresses");
            default:
                if (options[i] < 0 || options[i] > CU_JIT_SPLIT_COMPILE)
                    throw Failure(CUDA_ERROR_INVALID_VALUE,
                                  "unknown JIT option " + std::to_string(options[i]));
                break;
        }
    }
    return jit;
}

void JitOptions::requireTarget(int capability) const {
    // Machine code runs on its own generation, from its own revision on.
    if (target == 0 || (target / 10 == capability / 10 && target <= capability)) return;
    throw Failure(CUDA_ERROR_NO_BINARY_FOR_GPU, "CU_JIT_TARGET asks for sm_" + std::to_string(target) +
                                                    "; the device is sm_" + std::to_string(capability));
}

CUresult resultOf(emulator::LoadErrorKind kind) {
    switch (kind) {
        case emulator::LoadErrorKind::INVALID_PTX: return CUDA_ERROR_INVALID_PTX;
        case emulator::LoadErrorKind::UNSUPPORTED_TARGET: return CUDA_ERROR_NO_BINARY_FOR_GPU;
        case emulator::LoadErrorKind::OUT_OF_MEMORY: return CUDA_ERROR_OUT_OF_MEMORY;
    }
    return CUDA_ERROR_UNKNOWN;
}

// Cubins and fat binaries begin with a magic number; text begins with text.
void requirePtx(const char* image) {
    const bool elf = std::strncmp(image,
                                  "\x7f"
                                  "ELF",
                                  4) == 0;
    const bool fatBinary = std::strncmp(image, "\x50\xed\x55\xba", 4) == 0;
    require(!elf && !fatBinary, CUDA_ERROR_NO_BINARY_FOR_GPU,
            "the image is machine code (cubin or fatbin); the emulator executes PTX: compile with nvcc -ptx");
}

}  // namespace quern::driver
