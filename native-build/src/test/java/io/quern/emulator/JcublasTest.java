package io.quern.emulator;

import static jcuda.cudaDataType.CUDA_R_16F;
import static jcuda.cudaDataType.CUDA_R_32F;
import static jcuda.driver.CUresult.CUDA_SUCCESS;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_N;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_T;
import static jcuda.jcublas.cublasStatus.CUBLAS_STATUS_INVALID_VALUE;
import static jcuda.jcublas.cublasStatus.CUBLAS_STATUS_NOT_SUPPORTED;
import static jcuda.jcublas.cublasStatus.CUBLAS_STATUS_SUCCESS;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jcuda.Pointer;
import jcuda.Sizeof;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Unmodified JCublas2 on the emulator's stand-in. Matrices are column by column. */
class JcublasTest {
    private static final Pointer ONE = Pointer.to(new float[] {1});
    private static final Pointer ZERO = Pointer.to(new float[] {0});

    private final CUcontext context = new CUcontext();
    private final cublasHandle handle = new cublasHandle();

    @BeforeEach
    void open() {
        Emulator.load();
        JCudaDriver.setExceptionsEnabled(false);
        JCublas2.setExceptionsEnabled(false);
        assertEquals(CUDA_SUCCESS, JCudaDriver.cuInit(0));
        assertEquals(CUDA_SUCCESS, JCudaDriver.cuCtxCreate(context, 0, new CUdevice()));
        ok(JCublas2.cublasCreate(handle));
        Emulator.reset();
    }

    @AfterEach
    void close() {
        ok(JCublas2.cublasDestroy(handle));
        assertEquals(CUDA_SUCCESS, JCudaDriver.cuCtxDestroy(context));
    }

    @Test
    void argumentsArriveInOrder() {
        // [2][3] times [3][2], the second one given transposed, between rows that are not part of it.
        CUdeviceptr a = upload(1, 4, 2, 5, 3, 6);
        CUdeviceptr b = upload(7, 8, -1, 9, 10, -1, 11, 12, -1);
        CUdeviceptr c = upload(1000, 2000, 3000, 4000);
        ok(JCublas2.cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_T, 2, 2, 3, ONE, a, 2, b, 3, ONE, c, 2));
        assertArrayEquals(
                new float[] {1000 + 7 + 18 + 33, 2000 + 28 + 45 + 66, 3000 + 8 + 20 + 36, 4000 + 32 + 50 + 72},
                download(c, 4));
    }

    @Test
    void vectorsAreMultiplied() {
        CUdeviceptr y = upload(100, 0, 200);
        ok(JCublas2.cublasSgemv(handle, CUBLAS_OP_N, 2, 2, ONE, upload(1, 2, 3, 4), 2, upload(10, 100), 1, ONE, y, 2));
        assertArrayEquals(new float[] {100 + 310, 0, 200 + 420}, download(y, 3));
    }

    @Test
    void halvesAreMultiplied() {
        short[] two = {0x4000};
        CUdeviceptr a = new CUdeviceptr();
        assertEquals(CUDA_SUCCESS, JCudaDriver.cuMemAlloc(a, Short.BYTES));
        assertEquals(CUDA_SUCCESS, JCudaDriver.cuMemcpyHtoD(a, Pointer.to(two), Short.BYTES));
        CUdeviceptr c = upload(5);
        int compute32F = 68;
        ok(JCublas2.cublasGemmEx_new(
                handle,
                CUBLAS_OP_N,
                CUBLAS_OP_N,
                1,
                1,
                1,
                ONE,
                a,
                CUDA_R_16F,
                1,
                a,
                CUDA_R_16F,
                1,
                ZERO,
                c,
                CUDA_R_32F,
                1,
                compute32F,
                -1));
        assertArrayEquals(new float[] {4}, download(c, 1));
    }

    @Test
    void misuseIsReported() {
        CUdeviceptr small = upload(1, 2, 3);
        refused(
                CUBLAS_STATUS_INVALID_VALUE,
                JCublas2.cublasSgemm(
                        handle, CUBLAS_OP_N, CUBLAS_OP_N, 2, 2, 2, ONE, small, 1, small, 2, ZERO, small, 2));
        assertTrue(Emulator.report().contains("lda is 1"), Emulator.report());
        refused(CUBLAS_STATUS_NOT_SUPPORTED, JCublas2.cublasSscal(handle, 3, ONE, small, 1));
        ok(JCublas2.cublasSgemm(
                handle,
                CUBLAS_OP_N,
                CUBLAS_OP_N,
                2,
                2,
                2,
                ONE,
                upload(1, 2, 3, 4),
                2,
                small,
                2,
                ZERO,
                upload(0, 0, 0, 0),
                2));
        assertEquals(jcuda.driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, JCudaDriver.cuCtxSynchronize());
        assertTrue(Emulator.report().contains("cublasSgemm_v2: B: 16 bytes"), Emulator.report());
    }

    private static CUdeviceptr upload(float... values) {
        CUdeviceptr device = new CUdeviceptr();
        assertEquals(CUDA_SUCCESS, JCudaDriver.cuMemAlloc(device, (long) values.length * Sizeof.FLOAT));
        assertEquals(
                CUDA_SUCCESS,
                JCudaDriver.cuMemcpyHtoD(device, Pointer.to(values), (long) values.length * Sizeof.FLOAT));
        return device;
    }

    private static float[] download(CUdeviceptr device, int count) {
        float[] values = new float[count];
        assertEquals(CUDA_SUCCESS, JCudaDriver.cuMemcpyDtoH(Pointer.to(values), device, (long) count * Sizeof.FLOAT));
        return values;
    }

    private static void ok(int status) {
        refused(CUBLAS_STATUS_SUCCESS, status);
    }

    private static void refused(int expected, int status) {
        assertEquals(cublasStatus.stringFor(expected), cublasStatus.stringFor(status), Emulator::report);
    }
}
