#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class MemoryTest : public DriverTest {};

TEST_F(MemoryTest, FreeMemoryIsCountedAndOutOfMemoryIsHonest) {
    std::size_t free = 0, total = 0, left = 0;
    EXPECT_OK(cuMemGetInfo_v2(&free, &total));
    const CUdeviceptr block = allocate(1 << 20);
    EXPECT_EQ(0u, block % 256);
    EXPECT_OK(cuMemGetInfo_v2(&left, &total));
    EXPECT_EQ(free - (1 << 20), left);
    CUdeviceptr more = 0;
    EXPECT_RESULT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&more, total));
    EXPECT_NE(std::string::npos, report().find(std::to_string(total) + " bytes requested")) << report();
    EXPECT_OK(cuMemFree_v2(block));
    EXPECT_OK(cuMemGetInfo_v2(&left, &total));
    EXPECT_EQ(free, left);
}

TEST_F(MemoryTest, MisuseOfFreeIsRefused) {
    const CUdeviceptr block = allocate(4096);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(block + 256));
    EXPECT_NE(std::string::npos, report().find("not at its start")) << report();
    EXPECT_OK(cuMemFree_v2(block));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(block));
    EXPECT_NE(std::string::npos, report().find("freed already")) << report();
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(12345));
    EXPECT_OK(cuMemFree_v2(0));
    CUdeviceptr none = 0;
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&none, 0));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(nullptr, 4));
    std::uint32_t* const host = pinned(4);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(reinterpret_cast<std::uintptr_t>(host)));
    EXPECT_OK(cuMemFreeHost(host));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(host));
}

TEST_F(MemoryTest, AKernelQueuedBeforeTheFreeStillUsesTheMemory) {
    const CUdeviceptr block = zeros(64);
    EXPECT_OK(add(block, 64, 1, newStream()));
    EXPECT_OK(cuMemFree_v2(block));
    EXPECT_OK(cuCtxSynchronize());
}

TEST_F(MemoryTest, PooledMemoryIsFreedInStreamOrder) {
    const CUstream first = newStream();
    const CUstream second = newStream();
    CUdeviceptr block = 0;
    ASSERT_OK(cuMemAllocAsync(&block, 256, first));
    EXPECT_OK(cuMemsetD32Async(block, 0, 64, first));
    EXPECT_OK(add(block, 64, 1, first));
    EXPECT_OK(cuMemFreeAsync(block, first));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemFreeAsync(block, first));
    EXPECT_OK(cuStreamSynchronize(first));
    // The second stream never waited for the first, nor does it own the block any more.
    EXPECT_OK(cuMemAllocAsync(&block, 256, first));
    EXPECT_OK(add(block, 64, 1, second));
    EXPECT_OK(cuMemFreeAsync(block, first));
    EXPECT_OK(cuStreamSynchronize(first));
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(second));
}

TEST_F(MemoryTest, QueuedFreesMakeRoom) {
    std::size_t free = 0, total = 0;
    ASSERT_OK(cuMemGetInfo_v2(&free, &total));
    CUdeviceptr big = 0;
    ASSERT_OK(cuMemAllocAsync(&big, free / 2 + 1, nullptr));
    EXPECT_OK(cuMemFreeAsync(big, nullptr));
    EXPECT_OK(cuMemAllocAsync(&big, free / 2 + 1, nullptr));
    EXPECT_OK(cuMemFreeAsync(big, nullptr));
}

TEST_F(MemoryTest, PoolsCount) {
    CUmemoryPool pool = nullptr;
    ASSERT_OK(cuDeviceGetDefaultMemPool(&pool, 0));
    std::uint64_t threshold = 1 << 30, seen = 0, before = 0, used = 0;
    EXPECT_OK(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
    EXPECT_OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &seen));
    EXPECT_EQ(threshold, seen);
    EXPECT_OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &before));
    CUdeviceptr block = 0;
    EXPECT_OK(cuMemAllocFromPoolAsync(&block, 4096, pool, nullptr));
    EXPECT_OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
    EXPECT_EQ(before + 4096, used);
    EXPECT_OK(cuMemFreeAsync(block, nullptr));
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
    EXPECT_EQ(before, used);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemPoolDestroy(pool));
}

TEST_F(MemoryTest, PointersTellWhatTheyAre) {
    const CUdeviceptr block = allocate(4096);
    CUmemorytype type{};
    CUdeviceptr base = 0;
    std::size_t bytes = 0;
    EXPECT_OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, block + 100));
    EXPECT_EQ(CU_MEMORYTYPE_DEVICE, type);
    EXPECT_OK(cuMemGetAddressRange_v2(&base, &bytes, block + 100));
    EXPECT_EQ(block, base);
    EXPECT_EQ(4096u, bytes);
    std::uint32_t* const host = pinned(4);
    const auto hostAddress = reinterpret_cast<std::uintptr_t>(host);
    EXPECT_OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, hostAddress));
    EXPECT_EQ(CU_MEMORYTYPE_HOST, type);
    CUdeviceptr mapped = 0;
    EXPECT_OK(cuMemHostGetDevicePointer_v2(&mapped, host, 0));
    EXPECT_OK(cuMemsetD32_v2(mapped, 7, 4));
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_EQ(7u, host[3]);
    int local = 0;
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                                                                  reinterpret_cast<std::uintptr_t>(&local)));
    EXPECT_RESULT(CUDA_ERROR_NOT_FOUND, cuMemGetAddressRange_v2(&base, &bytes, 4096));
}

TEST_F(MemoryTest, ManagedMemoryTakesAdviceInBothForms) {
    CUdeviceptr managed = 0;
    ASSERT_OK(cuMemAllocManaged(&managed, 4096, 1));
    const CUmemLocation device{CU_MEM_LOCATION_TYPE_DEVICE, 0}, host{CU_MEM_LOCATION_TYPE_HOST, 77},
        node{CU_MEM_LOCATION_TYPE_HOST_NUMA, 0}, near{CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT, 77},
        otherDevice{CU_MEM_LOCATION_TYPE_DEVICE, 1}, otherNode{CU_MEM_LOCATION_TYPE_HOST_NUMA, 9}, none{};
    for (const CUmemLocation location : {device, host, node, near})
        EXPECT_OK(cuMemPrefetchAsync_v2(managed, 4096, location, 0, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync_v2(managed, 4096, device, 1, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync_v2(managed, 4097, device, 0, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync_v2(managed, 4096, none, 0, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync_v2(managed, 4096, otherNode, 0, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, cuMemPrefetchAsync_v2(managed, 4096, otherDevice, 0, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync_v2(allocate(4096), 4096, device, 0, nullptr))
        << "not managed";
    EXPECT_OK(cuMemPrefetchAsync(managed, 4096, 0, nullptr));
    EXPECT_OK(cuMemPrefetchAsync(managed, 4096, CU_DEVICE_CPU, nullptr));
    EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, cuMemPrefetchAsync(managed, 4096, 1, nullptr));

    for (const auto advice : {CU_MEM_ADVISE_SET_READ_MOSTLY, CU_MEM_ADVISE_UNSET_READ_MOSTLY,
                              CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION}) {
        EXPECT_OK(cuMemAdvise_v2(managed, 4096, advice, none)) << "it ignores the location";
        EXPECT_OK(cuMemAdvise(managed, 4096, advice, 77));
    }
    EXPECT_OK(cuMemAdvise_v2(managed, 4096, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, node));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE,
                  cuMemAdvise_v2(managed, 4096, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, none));
    EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE,
                  cuMemAdvise(managed, 4096, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, 77));
    for (const auto advice : {CU_MEM_ADVISE_SET_ACCESSED_BY, CU_MEM_ADVISE_UNSET_ACCESSED_BY}) {
        EXPECT_OK(cuMemAdvise_v2(managed, 4096, advice, device));
        EXPECT_OK(cuMemAdvise_v2(managed, 4096, advice, host));
        EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemAdvise_v2(managed, 4096, advice, node));
        EXPECT_RESULT(CUDA_ERROR_INVALID_DEVICE, cuMemAdvise_v2(managed, 4096, advice, otherDevice));
    }
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE,
                  cuMemAdvise_v2(managed, 4096, static_cast<CUmem_advise>(7), device));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE,
                  cuMemAdvise_v2(managed, 4097, CU_MEM_ADVISE_SET_READ_MOSTLY, device));
}

TEST_F(MemoryTest, RegisteredMemoryServesTheDevice) {
    std::vector<std::uint32_t> words(64, 1);
    ASSERT_OK(cuMemHostRegister_v2(words.data(), 4 * words.size(), 0));
    EXPECT_RESULT(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(words.data() + 1, 8, 0));
    CUdeviceptr address = 0;
    EXPECT_OK(cuMemHostGetDevicePointer_v2(&address, words.data(), 0));
    EXPECT_OK(add(address, 64, 4, nullptr));
    EXPECT_OK(cuMemHostUnregister(words.data()));
    EXPECT_EQ(5u, words[63]);
    EXPECT_RESULT(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(words.data()));
}

}  // namespace
}  // namespace quern::driver::test
