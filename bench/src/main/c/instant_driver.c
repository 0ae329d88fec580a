/* A libcuda.so.1 that does nothing, at once: what is left of a launch's time is the caller's. It answers just enough for a
 * context, a stream, a module and launches. Built by the benchmark on the machine it runs on; never shipped as a binary. */
#include <stddef.h>
#include <string.h>

typedef unsigned long long u64;

enum { SUCCESS, NOT_SUPPORTED = 801 };

static _Thread_local u64 current;

int cuInit(unsigned flags) { return SUCCESS; }
int cuDriverGetVersion(int *version) { return *version = 12000, SUCCESS; }
int cuDeviceGetCount(int *count) { return *count = 1, SUCCESS; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, SUCCESS; }
int cuDeviceGetName(char *name, int length, int device) { return strncpy(name, "nothing", length), SUCCESS; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { return *bytes = (size_t)1 << 34, SUCCESS; }

int cuDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {
    case 1: *value = 1024; break;           /* threads of a block */
    case 8: case 97: *value = 48 * 1024; break; /* shared memory of a block */
    case 75: *value = 8; break;             /* compute capability, major */
    default: *value = 0;
  }
  return SUCCESS;
}

int cuDevicePrimaryCtxRetain(u64 *context, int device) { return *context = 1, SUCCESS; }
int cuCtxGetCurrent(u64 *context) { return *context = current, SUCCESS; }
int cuCtxSetCurrent(u64 context) { return current = context, SUCCESS; }
int cuCtxSynchronize(void) { return SUCCESS; }

int cuModuleLoadData(u64 *module, const void *image) { return *module = 2, SUCCESS; }
int cuModuleLoadDataEx(u64 *module, const void *image, unsigned count, int *options, void **values) {
  return *module = 2, SUCCESS;
}
int cuModuleGetFunction(u64 *function, u64 module, const char *name) { return *function = 3, SUCCESS; }
int cuFuncGetAttribute(int *value, int attribute, u64 function) {
  return *value = attribute == 0 ? 1024 : 0, SUCCESS; /* 0: threads of a block */
}

int cuStreamCreate(u64 *stream, unsigned flags) { return *stream = 4, SUCCESS; }
int cuStreamSynchronize(u64 stream) { return SUCCESS; }
int cuStreamDestroy_v2(u64 stream) { return SUCCESS; }

static u64 fresh = 4096;
int cuMemAlloc_v2(u64 *address, size_t bytes) {
  *address = fresh;
  fresh += (bytes + 255) / 256 * 256;
  return SUCCESS;
}
int cuMemFree_v2(u64 address) { return SUCCESS; }
int cuMemsetD8Async(u64 address, unsigned char value, size_t bytes, u64 stream) { return SUCCESS; }
int cuMemcpyHtoDAsync_v2(u64 device, const void *host, size_t bytes, u64 stream) { return SUCCESS; }

__attribute__((noinline)) int cuLaunchKernel(u64 function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                             unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                                             u64 stream, void **parameters, void **extra) {
  return SUCCESS;
}

/* What the library insists on finding before it uses a driver, and what is not called here. */
#define ABSENT(name) \
  int name(void) { return NOT_SUPPORTED; }
ABSENT(cuCtxPopCurrent_v2)
ABSENT(cuCtxPushCurrent_v2)
ABSENT(cuDevicePrimaryCtxGetState)
ABSENT(cuEventCreate)
ABSENT(cuEventDestroy_v2)
ABSENT(cuEventElapsedTime)
ABSENT(cuEventRecord)
ABSENT(cuEventSynchronize)
ABSENT(cuFuncSetAttribute)
ABSENT(cuGraphDestroy)
ABSENT(cuGraphExecDestroy)
ABSENT(cuGraphInstantiateWithFlags)
ABSENT(cuGraphLaunch)
ABSENT(cuMemAllocFromPoolAsync)
ABSENT(cuMemFreeAsync)
ABSENT(cuMemGetInfo_v2)
ABSENT(cuMemPoolCreate)
ABSENT(cuMemPoolTrimTo)
ABSENT(cuMemcpyDtoDAsync_v2)
ABSENT(cuMemcpyDtoHAsync_v2)
ABSENT(cuOccupancyMaxActiveBlocksPerMultiprocessor)
ABSENT(cuStreamBeginCapture_v2)
ABSENT(cuStreamEndCapture)
ABSENT(cuStreamWaitEvent)
