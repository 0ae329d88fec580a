// Launches: a kernel with a grid and a copy of its arguments.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "driver/call.hpp"
#include "driver/module.hpp"
#include "driver/operation.hpp"
#include "run/launch.hpp"

namespace quern::driver {

struct LaunchShape {
    emulator::Dim3 grid;
    emulator::Dim3 block;
    std::uint32_t sharedBytes = 0;
    bool cooperative = false;
};

class KernelOperation final : public Operation {
  public:
    KernelOperation(std::shared_ptr<Function> function, const LaunchShape& shape,
                    std::vector<std::byte> parameters);

    CUgraphNodeType type() const override { return CU_GRAPH_NODE_TYPE_KERNEL; }
    void perform(Context& context) const override;

    const Function& function() const { return *function_; }

    /// As cuGraphKernelNodeGetParams gives them: pointers into this object.
    CUDA_KERNEL_NODE_PARAMS parameters() const;

  private:
    std::shared_ptr<Function> function_;
    LaunchShape shape_;
    std::vector<std::byte> parameters_;
    mutable std::vector<void*> argumentPointers_;  // handed out by parameters()
};

/// Checks a launch as the driver does, and copies its arguments from either of the two forms.
std::shared_ptr<KernelOperation> makeKernelOperation(const Call& call, CUfunction function,
                                                     const LaunchShape& shape, void** kernelParams,
                                                     void** extra);

/// Blocks of `threads` threads that fit on a multiprocessor at once: by threads, blocks, shared memory and registers.
int blocksPerMultiprocessor(const Driver& driver, const Function& function, int threads,
                            std::size_t dynamicSharedBytes);

}  // namespace quern::driver
