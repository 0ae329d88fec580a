#include <numeric>

#include "driver_test.hpp"

namespace quern::driver::test {
namespace {

class CopyTest : public DriverTest {};

TEST_F(CopyTest, RoundTrip) {
    std::vector<std::uint32_t> words(1000);
    std::iota(words.begin(), words.end(), 1u);
    const CUdeviceptr a = allocate(4000), b = allocate(4000);
    EXPECT_OK(cuMemcpyHtoD_v2(a, words.data(), 4000));
    EXPECT_OK(cuMemcpyDtoD_v2(b, a, 4000));
    EXPECT_EQ(words, wordsAt(b, 1000));
    std::vector<std::uint32_t> back(1000);
    EXPECT_OK(cuMemcpy(reinterpret_cast<std::uintptr_t>(back.data()), b, 4000));
    EXPECT_EQ(words, back);
    EXPECT_OK(cuMemcpyHtoD_v2(a, nullptr, 0)) << "a copy of nothing is a copy";
}

TEST_F(CopyTest, UnwrittenBytesThatReachTheHostAreReported) {
    Driver::instance().memory().followInitialisation(true);
    const CUdeviceptr a = allocate(64), b = allocate(64);
    std::vector<std::uint32_t> words(16, 7);
    EXPECT_OK(cuMemcpyHtoD_v2(a, words.data(), 40));
    EXPECT_OK(cuMemcpyDtoD_v2(b, a, 64));
    EXPECT_OK(cuMemcpyDtoH_v2(words.data(), b, 40));
    EXPECT_EQ("", report());
    EXPECT_OK(cuMemcpyDtoH_v2(words.data(), b + 4, 60));
    EXPECT_NE(std::string::npos, report().find("uninitialised: byte 36 of 60")) << report();
    EXPECT_OK(cuMemsetD8_v2(b + 40, 0, 24));
    Driver::instance().forgetReports();
    EXPECT_OK(cuMemcpyDtoH_v2(words.data(), b, 64));
    EXPECT_EQ("", report());
    Driver::instance().memory().followInitialisation(false);
}

TEST_F(CopyTest, BothEndsAreChecked) {
    std::vector<std::uint32_t> words(64);
    const CUdeviceptr block = allocate(64);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(block, words.data(), 65));
    EXPECT_NE(std::string::npos, report().find("run over the end")) << report();
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(words.data(), block + 63, 2));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(block, words.data(), ~std::size_t{0}));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(block, nullptr, 4));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(4096, words.data(), 4));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(block, reinterpret_cast<void*>(block), 4));
    EXPECT_NE(std::string::npos, report().find("should be host memory")) << report();
    std::uint32_t* const host = pinned(4);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(host + 2, block, 12));
    EXPECT_OK(cuMemFree_v2(block));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(block, words.data(), 4));
    EXPECT_NE(std::string::npos, report().find("were freed")) << report();
    EXPECT_OK(cuCtxSynchronize()) << "a refused call poisons nothing";
}

TEST_F(CopyTest, PinnedCopiesHappenLate) {
    std::uint32_t* const host = pinned(1);
    const CUdeviceptr word = zeros(1);
    const CUstream stream = newStream();
    ASSERT_OK(cuCtxSynchronize());
    host[0] = 1;
    EXPECT_OK(cuMemcpyHtoDAsync_v2(word, host, 4, stream));
    host[0] = 2;  // too early: on a real device this is a race
    EXPECT_OK(cuStreamSynchronize(stream));
    EXPECT_EQ(2u, wordsAt(word, 1)[0]);
    EXPECT_OK(cuMemsetD32Async(word, 9, 1, stream));
    EXPECT_OK(cuMemcpyDtoHAsync_v2(host, word, 4, stream));
    EXPECT_EQ(2u, host[0]) << "read before synchronising: the old bytes";
    EXPECT_OK(cuStreamSynchronize(stream));
    EXPECT_EQ(9u, host[0]);
}

TEST_F(CopyTest, PageableCopiesTakeTheirBytesAtOnce) {
    std::uint32_t host = 1;
    const CUdeviceptr word = zeros(1);
    const CUstream stream = newStream();
    EXPECT_OK(cuCtxSynchronize());
    EXPECT_OK(cuMemcpyHtoDAsync_v2(word, &host, 4, stream));
    host = 2;
    EXPECT_OK(cuMemcpyDtoHAsync_v2(&host, word, 4, stream));
    EXPECT_EQ(1u, host) << "a copy to pageable memory returns when it is done";
}

TEST_F(CopyTest, ACopyOfMemoryFreedMeanwhileIsAnIllegalAddress) {
    const CUstream stream = newStream(), other = newStream();
    CUdeviceptr block = 0;
    ASSERT_OK(cuMemAllocAsync(&block, 64, other));
    EXPECT_OK(cuMemsetD8Async(block, 0, 64, stream));
    EXPECT_OK(cuMemFreeAsync(block, other));
    EXPECT_OK(cuStreamSynchronize(other));
    EXPECT_RESULT(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
}

TEST_F(CopyTest, TwoDimensions) {
    std::vector<std::uint8_t> picture(6 * 10), back(6 * 10, 0xEE);
    std::iota(picture.begin(), picture.end(), std::uint8_t{0});
    CUdeviceptr block = 0;
    std::size_t pitch = 0;
    ASSERT_OK(cuMemAllocPitch_v2(&block, &pitch, 10, 6, 4));
    EXPECT_EQ(0u, pitch % 512);
    CUDA_MEMCPY2D copy{};
    copy.srcMemoryType = CU_MEMORYTYPE_HOST;
    copy.srcHost = picture.data();
    copy.srcPitch = 10;
    copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.dstDevice = block;
    copy.dstPitch = pitch;
    copy.WidthInBytes = 10;
    copy.Height = 6;
    EXPECT_OK(cuMemcpy2D_v2(&copy));
    CUDA_MEMCPY2D window{};
    window.srcMemoryType = CU_MEMORYTYPE_DEVICE;
    window.srcDevice = block;
    window.srcPitch = pitch;
    window.srcXInBytes = 2;
    window.srcY = 1;
    window.dstMemoryType = CU_MEMORYTYPE_HOST;
    window.dstHost = back.data();
    window.dstPitch = 10;
    window.WidthInBytes = 3;
    window.Height = 2;
    EXPECT_OK(cuMemcpy2D_v2(&window));
    EXPECT_EQ(12, back[0]);
    EXPECT_EQ(14, back[2]);
    EXPECT_EQ(0xEE, back[3]);
    EXPECT_EQ(22, back[10]);
    window.WidthInBytes = 9;
    window.dstPitch = 8;
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D_v2(&window));
    copy.Height = 7;
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D_v2(&copy));
    copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
    EXPECT_RESULT(CUDA_ERROR_NOT_SUPPORTED, cuMemcpy2D_v2(&copy));
}

TEST_F(CopyTest, FillsOfEveryElement) {
    const CUdeviceptr block = zeros(8);
    EXPECT_OK(cuMemsetD8_v2(block, 0xAB, 4));
    EXPECT_OK(cuMemsetD16_v2(block + 4, 0x1234, 2));
    EXPECT_OK(cuMemsetD32_v2(block + 8, 77, 1));
    EXPECT_OK(cuMemsetD2D8_v2(block + 16, 8, 1, 2, 2));
    const auto words = wordsAt(block, 8);
    EXPECT_EQ(0xABABABABu, words[0]);
    EXPECT_EQ(0x12341234u, words[1]);
    EXPECT_EQ(77u, words[2]);
    EXPECT_EQ(0u, words[3]);
    EXPECT_EQ(0x0101u, words[4]);
    EXPECT_EQ(0u, words[5]);
    EXPECT_EQ(0x0101u, words[6]);
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemsetD32_v2(block + 2, 0, 1));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemsetD32_v2(block, 0, 9));
    EXPECT_RESULT(CUDA_ERROR_INVALID_VALUE, cuMemsetD32_v2(block, 0, std::size_t{1} << 62));
}

}  // namespace
}  // namespace quern::driver::test
