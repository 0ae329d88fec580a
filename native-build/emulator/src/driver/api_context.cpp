// Contexts, the per-thread stack of current ones, and the primary context.
#include <algorithm>

#include "driver/call.hpp"
#include "driver/device.hpp"

using namespace quern::driver;

namespace {

constexpr unsigned CONTEXT_API_VERSION = 3020;

void requireFlags(unsigned flags) {
    require((flags & ~static_cast<unsigned>(CU_CTX_FLAGS_MASK)) == 0, CUDA_ERROR_INVALID_VALUE,
            "unknown context flags");
}

// The top of the stack, whatever state it is in, or null.
std::shared_ptr<Context> currentOrNull() {
    const auto& stack = contextStack();
    return stack.empty() ? nullptr : stack.back();
}

std::shared_ptr<Context> current() {
    auto context = currentOrNull();
    require(context != nullptr, CUDA_ERROR_INVALID_CONTEXT, "no context is current to this thread");
    return context;
}

// The context behind a handle, or the current one for null.
std::shared_ptr<Context> contextOrCurrent(const Call& call, CUcontext handle) {
    return handle == nullptr ? current() : call.driver.handles.get<Context>(handle);
}

void create(Call& call, CUcontext* context, unsigned flags, CUdevice device) {
    requireNotNull(context, "pctx");
    requireFlags(flags);
    requireDevice(device);
    auto created = std::make_shared<Context>(device, flags, false);
    created->handle = call.driver.handles.add(created);
    created->open();
    contextStack().push_back(created);
    *context = created->handle;
}

void requireNoAffinity(int count) {
    require(count >= 0, CUDA_ERROR_INVALID_VALUE, "a negative number of affinities");
    require(count == 0, CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY,
            "the emulator's contexts have all multiprocessors");
}

void synchronize(Call& call, Context& context) {
    call.refuseDuringCapture("cuCtxSynchronize");
    call.countOrFail(CallKind::SYNCHRONIZE);
    call.driver.scheduler.finish(call.lock, context);
    context.requireUsable();
}

}  // namespace

QUERN_EXPORT CUresult cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice device) {
    return entry(__func__, [&](Call& call) { create(call, context, flags, device); });
}

QUERN_EXPORT CUresult cuCtxCreate_v3(CUcontext* context, CUexecAffinityParam*, int affinityCount,
                                     unsigned flags, CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireNoAffinity(affinityCount);
        create(call, context, flags, device);
    });
}

QUERN_EXPORT CUresult cuCtxCreate_v4(CUcontext* context, CUctxCreateParams* parameters, unsigned flags,
                                     CUdevice device) {
    return entry(__func__, [&](Call& call) {
        if (parameters != nullptr) {
            requireNoAffinity(parameters->numExecAffinityParams);
            require(parameters->cigParams == nullptr, CUDA_ERROR_NOT_SUPPORTED,
                    "the emulator shares nothing with graphics");
        }
        create(call, context, flags, device);
    });
}

QUERN_EXPORT CUresult cuCtxDestroy_v2(CUcontext handle) {
    return entry(__func__, [&](Call& call) {
        const auto context = call.driver.handles.get<Context>(handle);
        require(!context->primary, CUDA_ERROR_INVALID_CONTEXT,
                "a primary context is given back by cuDevicePrimaryCtxRelease or cuDevicePrimaryCtxReset");
        require(context->alive, CUDA_ERROR_CONTEXT_IS_DESTROYED, "another thread is destroying the context");
        call.driver.destroyContext(call.lock, context);
        auto& stack = contextStack();
        if (!stack.empty() && stack.back() == context) stack.pop_back();
    });
}

QUERN_EXPORT CUresult cuCtxGetCurrent(CUcontext* context) {
    return entry(__func__, [&](Call&) {
        requireNotNull(context, "pctx");
        const auto top = currentOrNull();
        *context = top ? top->handle : nullptr;
    });
}

QUERN_EXPORT CUresult cuCtxSetCurrent(CUcontext handle) {
    return entry(__func__, [&](Call& call) {
        auto& stack = contextStack();
        const auto context = handle == nullptr ? nullptr : call.driver.handles.get<Context>(handle);
        if (!stack.empty()) stack.pop_back();
        if (context) stack.push_back(context);
    });
}

QUERN_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext handle) {
    return entry(__func__,
                 [&](Call& call) { contextStack().push_back(call.driver.handles.get<Context>(handle)); });
}

QUERN_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext* context) {
    return entry(__func__, [&](Call&) {
        const auto top = current();
        contextStack().pop_back();
        if (context != nullptr) *context = top->handle;
    });
}

QUERN_EXPORT CUresult cuCtxGetDevice(CUdevice* device) {
    return entry(__func__, [&](Call&) {
        requireNotNull(device, "device");
        *device = current()->device;
    });
}

QUERN_EXPORT CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext handle) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(device, "device");
        *device = contextOrCurrent(call, handle)->device;
    });
}

QUERN_EXPORT CUresult cuCtxGetFlags(unsigned* flags) {
    return entry(__func__, [&](Call&) {
        requireNotNull(flags, "flags");
        *flags = current()->flags;
    });
}

QUERN_EXPORT CUresult cuCtxGetId(CUcontext handle, unsigned long long* id) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(id, "ctxId");
        *id = reinterpret_cast<std::uintptr_t>(contextOrCurrent(call, handle)->handle) >> 8;
    });
}

QUERN_EXPORT CUresult cuCtxGetApiVersion(CUcontext handle, unsigned* version) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(version, "version");
        if (handle != nullptr) call.driver.handles.get<Context>(handle);
        *version = CONTEXT_API_VERSION;
    });
}

QUERN_EXPORT CUresult cuCtxSynchronize() {
    return entry(__func__, [&](Call& call) { synchronize(call, *call.context()); });
}

QUERN_EXPORT CUresult cuCtxSynchronize_v2(CUcontext handle) {
    return entry(__func__, [&](Call& call) {
        const auto context = contextOrCurrent(call, handle);
        context->requireUsable();
        synchronize(call, *context);
    });
}

QUERN_EXPORT CUresult cuCtxGetLimit(std::size_t* value, CUlimit limit) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(value, "pvalue");
        const auto context = call.context();
        switch (limit) {
            case CU_LIMIT_STACK_SIZE: *value = context->stackBytes; return;
            case CU_LIMIT_PRINTF_FIFO_SIZE: *value = context->printfBytes; return;
            case CU_LIMIT_MALLOC_HEAP_SIZE: *value = context->heapBytes; return;
        }
        throw Failure(CUDA_ERROR_UNSUPPORTED_LIMIT, "the emulator has no limit " + std::to_string(limit));
    });
}

QUERN_EXPORT CUresult cuCtxSetLimit(CUlimit limit, std::size_t value) {
    return entry(__func__, [&](Call& call) {
        const auto context = call.context();
        switch (limit) {
            case CU_LIMIT_STACK_SIZE: context->stackBytes = value; return;
            case CU_LIMIT_PRINTF_FIFO_SIZE: context->printfBytes = value; return;
            case CU_LIMIT_MALLOC_HEAP_SIZE: context->heapBytes = value; return;
        }
        throw Failure(CUDA_ERROR_UNSUPPORTED_LIMIT, "the emulator has no limit " + std::to_string(limit));
    });
}

QUERN_EXPORT CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    return entry(__func__, [&](Call& call) {
        call.context();
        if (least != nullptr) *least = LEAST_STREAM_PRIORITY;
        if (greatest != nullptr) *greatest = GREATEST_STREAM_PRIORITY;
    });
}

// Cache and bank preferences are hints; the emulator has neither cache nor choice, so it takes and forgets them.
QUERN_EXPORT CUresult cuCtxGetCacheConfig(CUfunc_cache* config) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(config, "pconfig");
        call.context();
        *config = CU_FUNC_CACHE_PREFER_NONE;
    });
}

QUERN_EXPORT CUresult cuCtxSetCacheConfig(CUfunc_cache config) {
    return entry(__func__, [&](Call& call) {
        require(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL,
                CUDA_ERROR_INVALID_VALUE, "unknown cache preference");
        call.context();
    });
}

QUERN_EXPORT CUresult cuCtxGetSharedMemConfig(CUsharedconfig* config) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(config, "pConfig");
        call.context();
        *config = CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE;
    });
}

QUERN_EXPORT CUresult cuCtxSetSharedMemConfig(CUsharedconfig config) {
    return entry(__func__, [&](Call& call) {
        require(config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE &&
                    config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE,
                CUDA_ERROR_INVALID_VALUE, "unknown bank size");
        call.context();
    });
}

QUERN_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(context, "pctx");
        requireDevice(device);
        const auto primary = call.driver.primaryContext();
        if (!primary->alive) primary->open();
        ++primary->retained;
        *context = primary->handle;
    });
}

QUERN_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireDevice(device);
        const auto primary = call.driver.primaryContext();
        require(primary->retained > 0, CUDA_ERROR_INVALID_CONTEXT, "the primary context is not retained");
        if (--primary->retained == 0) call.driver.destroyContext(call.lock, primary);
    });
}

QUERN_EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
    return entry(__func__, [&](Call& call) {
        requireDevice(device);
        const auto primary = call.driver.primaryContext();
        primary->retained = 0;
        if (primary->alive) call.driver.destroyContext(call.lock, primary);
    });
}

QUERN_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
    return entry(__func__, [&](Call& call) {
        requireDevice(device);
        requireFlags(flags);
        call.driver.primaryContext()->flags = flags;
    });
}

QUERN_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
    return entry(__func__, [&](Call& call) {
        requireNotNull(flags, "flags");
        requireNotNull(active, "active");
        requireDevice(device);
        const auto primary = call.driver.primaryContext();
        *flags = primary->flags;
        *active = primary->alive ? 1 : 0;
    });
}
