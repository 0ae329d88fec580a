package example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.emulator.Emulator;
import io.quern.emulator.KernelCounters;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A kernel of the user's own, by way of JCuda alone: the emulator says what a GPU would have done in silence. */
class OwnKernelTest {
    private static final int COUNT = 64;
    private static final String PTX = """
        .version 7.8
        .target sm_75
        .address_size 64
        .visible .entry add_one(.param .u64 values, .param .u32 first) {
            .reg .b32 %r<3>;
            .reg .b64 %x<3>;
            ld.param.u64 %x0, [values];
            ld.param.u32 %r0, [first];
            mov.u32 %r1, %tid.x;
            add.u32 %r1, %r1, %r0;
            mul.wide.u32 %x1, %r1, 4;
            add.u64 %x2, %x0, %x1;
            ld.global.u32 %r2, [%x2];
            add.u32 %r2, %r2, 1;
            st.global.u32 [%x2], %r2;
            ret;
        }
        """;

    private final CUcontext context = new CUcontext();
    private final CUfunction kernel = new CUfunction();
    private final CUdeviceptr values = new CUdeviceptr();

    @BeforeEach
    void loadTheKernel() {
        Emulator.load();
        CUdevice device = new CUdevice();
        CUmodule module = new CUmodule();
        ok(JCudaDriver.cuInit(0));
        ok(JCudaDriver.cuDeviceGet(device, 0));
        ok(JCudaDriver.cuCtxCreate(context, 0, device));
        // The driver takes text that ends in a NUL.
        ok(JCudaDriver.cuModuleLoadData(module, (PTX + '\0').getBytes(StandardCharsets.US_ASCII)));
        ok(JCudaDriver.cuModuleGetFunction(kernel, module, "add_one"));
        ok(JCudaDriver.cuMemAlloc(values, COUNT * Integer.BYTES));
        ok(JCudaDriver.cuMemsetD32(values, 6, COUNT));
    }

    @AfterEach
    void destroyTheContext() {
        ok(JCudaDriver.cuCtxDestroy(context));
        Emulator.reset();
    }

    @Test
    void theResultIsRightAndTheLaunchCounted() {
        ok(launch(0));
        int[] result = new int[COUNT];
        ok(JCudaDriver.cuMemcpyDtoH(Pointer.to(result), values, COUNT * Integer.BYTES));
        int[] expected = new int[COUNT];
        Arrays.fill(expected, 7);
        assertArrayEquals(expected, result);

        List<KernelCounters> launches = Emulator.counters();
        assertEquals(1, launches.size());
        assertEquals("add_one", launches.get(0).kernel());
        assertEquals(COUNT * Integer.BYTES / 32, launches.get(0).globalLoads().sectors());
    }

    @Test
    void oneElementTooFarIsFound() {
        assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, launch(1));
        String report = Emulator.report();
        assertTrue(report.contains("kernel add_one, block (0,0,0), thread (63,0,0)"), report);
        assertTrue(report.contains("ld.global.u32 %r2, [%x2]"), report);
    }

    @Test
    void whatIsNotFreedIsNamed() {
        ok(JCudaDriver.cuCtxDestroy(context));
        assertEquals(1, Emulator.leaks().size());
        ok(JCudaDriver.cuCtxCreate(context, 0, new CUdevice()));
    }

    private int launch(int first) {
        Pointer arguments = Pointer.to(Pointer.to(values), Pointer.to(new int[] {first}));
        ok(JCudaDriver.cuLaunchKernel(kernel, 1, 1, 1, COUNT, 1, 1, 0, null, arguments, null));
        return JCudaDriver.cuCtxSynchronize();
    }

    private static void ok(int result) {
        assertEquals(CUresult.CUDA_SUCCESS, result, () -> CUresult.stringFor(result) + " " + Emulator.report());
    }
}
