// Kernel launches.
#include "driver/call.hpp"
#include "driver/launch.hpp"

using namespace quern::driver;

namespace {

// QUERN_EMULATOR_LAUNCH=discard: a driver that does nothing, for measuring what a launch costs its caller. It looks at
// none of its arguments.
bool discards() { return Driver::instance().discardLaunches.load(std::memory_order_relaxed); }

void launchOn(Call& call, CUfunction function, const LaunchShape& shape, CUstream handle, void** kernelParams,
              void** extra) {
    const auto stream = call.stream(handle);
    auto operation = makeKernelOperation(call, function, shape, kernelParams, extra);
    require(operation->function().context == stream->context, CUDA_ERROR_INVALID_HANDLE,
            "the kernel and the stream belong to two contexts");
    call.countOrFail(CallKind::LAUNCH);
    call.submit(stream, std::move(operation));
}

}  // namespace

QUERN_EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY, unsigned gridZ,
                                     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
                                     CUstream stream, void** kernelParams, void** extra) {
    if (discards()) return CUDA_SUCCESS;
    return entry(__func__, [&](Call& call) {
        const LaunchShape shape{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, false};
        launchOn(call, function, shape, stream, kernelParams, extra);
    });
}

QUERN_EXPORT CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gridX, unsigned gridY,
                                                unsigned gridZ, unsigned blockX, unsigned blockY,
                                                unsigned blockZ, unsigned sharedBytes, CUstream stream,
                                                void** kernelParams) {
    if (discards()) return CUDA_SUCCESS;
    return entry(__func__, [&](Call& call) {
        const LaunchShape shape{{gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes, true};
        launchOn(call, function, shape, stream, kernelParams, nullptr);
    });
}

QUERN_EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** kernelParams,
                                       void** extra) {
    if (discards()) return CUDA_SUCCESS;
    return entry(__func__, [&](Call& call) {
        requireNotNull(config, "config");
        require(config->numAttrs == 0 || config->attrs != nullptr, CUDA_ERROR_INVALID_VALUE, "attrs is null");
        LaunchShape shape{{config->gridDimX, config->gridDimY, config->gridDimZ},
                          {config->blockDimX, config->blockDimY, config->blockDimZ},
                          config->sharedMemBytes,
                          false};
        for (unsigned i = 0; i < config->numAttrs; ++i) {
            const CUlaunchAttribute& attribute = config->attrs[i];
            switch (attribute.id) {
                case CU_LAUNCH_ATTRIBUTE_IGNORE:
                case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
                case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
                case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
                // The next kernel may begin early; here it never does, which is allowed.
                case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
                case CU_LAUNCH_ATTRIBUTE_PRIORITY:
                case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
                case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN: break;  // hints
                case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
                    shape.cooperative = attribute.value.cooperative != 0;
                    break;
                case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION: {
                    const auto& cluster = attribute.value.clusterDim;
                    require(cluster.x * cluster.y * cluster.z <= 1, CUDA_ERROR_NOT_SUPPORTED,
                            "the emulator has no clusters of more than one block");
                    break;
                }
                default:
                    throw Failure(CUDA_ERROR_NOT_SUPPORTED,
                                  "the emulator has no launch attribute " + std::to_string(attribute.id));
            }
        }
        launchOn(call, function, shape, config->hStream, kernelParams, extra);
    });
}
