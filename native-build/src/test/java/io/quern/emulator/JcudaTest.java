package io.quern.emulator;

import static jcuda.driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS;
import static jcuda.driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_PTX;
import static jcuda.driver.CUresult.CUDA_ERROR_INVALID_VALUE;
import static jcuda.driver.CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_FOUND;
import static jcuda.driver.CUresult.CUDA_ERROR_NOT_SUPPORTED;
import static jcuda.driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY;
import static jcuda.driver.CUresult.CUDA_ERROR_UNKNOWN;
import static jcuda.driver.CUresult.CUDA_SUCCESS;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import jcuda.Pointer;
import jcuda.Sizeof;
import jcuda.driver.CUDA_ARRAY_DESCRIPTOR;
import jcuda.driver.CUarray;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUjitInputType;
import jcuda.driver.CUlinkState;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;
import jcuda.driver.JITOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Unmodified JCuda on the emulator. */
class JcudaTest {
    private static final int COUNT = 1_000;
    private static final String PTX = """
        .version 7.8
        .target sm_75
        .address_size 64
        .visible .entry twice(.param .u64 twice_p, .param .u32 twice_n)
        {
            .reg .pred %p<2>;
            .reg .b32 %r<6>;
            .reg .f32 %f<2>;
            .reg .b64 %rd<5>;
            ld.param.u64 %rd1, [twice_p];
            ld.param.u32 %r1, [twice_n];
            cvta.to.global.u64 %rd2, %rd1;
            mov.u32 %r2, %ctaid.x;
            mov.u32 %r3, %ntid.x;
            mov.u32 %r4, %tid.x;
            mad.lo.s32 %r5, %r2, %r3, %r4;
            setp.ge.u32 %p1, %r5, %r1;
            @%p1 bra $done;
            mul.wide.u32 %rd3, %r5, 4;
            add.s64 %rd4, %rd2, %rd3;
            ld.global.f32 %f1, [%rd4];
            add.rn.f32 %f1, %f1, %f1;
            st.global.f32 [%rd4], %f1;
        $done:
            ret;
        }
        """;

    private final CUcontext context = new CUcontext();
    private final CUmodule module = new CUmodule();

    @BeforeAll
    static void takeTheDriversPlace() {
        Emulator.load();
        JCudaDriver.setExceptionsEnabled(false);
        ok(JCudaDriver.cuInit(0));
    }

    @BeforeEach
    void openContext() {
        ok(JCudaDriver.cuCtxCreate(context, 0, new CUdevice()));
        ok(JCudaDriver.cuModuleLoadData(module, ptx(PTX)));
        Emulator.reset();
    }

    @AfterEach
    void closeContext() {
        ok(JCudaDriver.cuCtxDestroy(context));
        Emulator.reset();
    }

    @Test
    void aKernelRunsAndIsCounted() {
        float[] values = new float[COUNT];
        float[] expected = new float[COUNT];
        for (int i = 0; i < COUNT; i++) {
            values[i] = i;
            expected[i] = 2 * i;
        }
        CUdeviceptr device = allocate(COUNT * Sizeof.FLOAT);
        ok(JCudaDriver.cuMemcpyHtoD(device, Pointer.to(values), COUNT * Sizeof.FLOAT));
        ok(launch(device, COUNT));
        ok(JCudaDriver.cuCtxSynchronize());
        ok(JCudaDriver.cuMemcpyDtoH(Pointer.to(values), device, COUNT * Sizeof.FLOAT));
        assertArrayEquals(expected, values);
        ok(JCudaDriver.cuMemFree(device));

        List<KernelCounters> launches = Emulator.counters();
        assertEquals(1, launches.size());
        KernelCounters twice = launches.get(0);
        assertEquals("twice", twice.kernel());
        assertEquals("ok", twice.status());
        assertEquals(new KernelCounters.Size(4, 1, 1), twice.grid());
        assertEquals(COUNT * Sizeof.FLOAT, twice.globalLoads().requestedBytes());
        assertEquals(COUNT * Sizeof.FLOAT, twice.globalStores().sectorBytes());
        assertEquals(COUNT, twice.ptxInstructions().get("fp32"));
        assertTrue(Emulator.countersJson().contains("\"kernel\":\"twice\""));
    }

    @Test
    void anIllegalAddressIsReported() {
        CUdeviceptr device = allocate(Sizeof.FLOAT);
        ok(launch(device, COUNT));
        refused(CUDA_ERROR_ILLEGAL_ADDRESS, JCudaDriver.cuCtxSynchronize());
        assertTrue(Emulator.report().contains("twice"), Emulator.report());
        refused(CUDA_ERROR_ILLEGAL_ADDRESS, JCudaDriver.cuMemAlloc(new CUdeviceptr(), 4));
        Emulator.reset();
        ok(JCudaDriver.cuCtxSynchronize());
        assertEquals("", Emulator.report());
    }

    @Test
    void misuseIsRefusedInASentence() {
        CUdeviceptr device = allocate(16);
        refused(CUDA_ERROR_INVALID_VALUE, JCudaDriver.cuMemcpyHtoD(device, Pointer.to(new int[5]), 20));
        assertTrue(Emulator.report().contains("run over the end"), Emulator.report());
        refused(CUDA_ERROR_NOT_FOUND, JCudaDriver.cuModuleGetFunction(new CUfunction(), module, "thrice"));
        refused(
                CUDA_ERROR_INVALID_PTX,
                JCudaDriver.cuModuleLoadData(new CUmodule(), ptx(PTX.replace("add.rn.f32", "frob.rn.f32"))));
        assertTrue(Emulator.report().contains("frob"), Emulator.report());
        refused(CUDA_ERROR_NOT_SUPPORTED, JCudaDriver.cuArrayCreate(new CUarray(), new CUDA_ARRAY_DESCRIPTOR()));
    }

    @Test
    void leaksAreNamed() {
        CUcontext inner = new CUcontext();
        ok(JCudaDriver.cuCtxCreate(inner, 0, new CUdevice()));
        allocate(123);
        ok(JCudaDriver.cuCtxDestroy(inner));
        assertEquals(1, Emulator.leaks().size());
        assertTrue(Emulator.leaks().get(0).contains("123 bytes"), Emulator.leaks()::toString);
    }

    @Test
    void optionsAreChecked() {
        Emulator.set(EmulatorOption.SCHEDULE, "reverse");
        Emulator.set(EmulatorOption.SCHEDULE, "forward");
        assertThrows(IllegalArgumentException.class, () -> Emulator.set(EmulatorOption.SCHEDULE, "sideways"));
        assertThrows(IllegalStateException.class, () -> Emulator.set(EmulatorOption.DEVICE, "sm_90"));
    }

    @Test
    void optionsAreInstalledTogether() {
        Emulator.install(EmulatorOptions.none().withSchedule("random:3").withThreads(2));
        assertThrows(
                IllegalStateException.class,
                () -> Emulator.install(EmulatorOptions.none().withDevice("sm_75")));
        Emulator.install(EmulatorOptions.none().withSchedule("forward").withThreads(0));
    }

    @Test
    void callsFailAsOrdered() {
        CUdeviceptr device = allocate(COUNT * Sizeof.FLOAT);
        Emulator.reset();
        Emulator.failNext(CallKind.ALLOCATION, 2, CUDA_ERROR_OUT_OF_MEMORY);
        Emulator.failNext(CallKind.LAUNCH, 1, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
        allocate(4);
        refused(CUDA_ERROR_OUT_OF_MEMORY, JCudaDriver.cuMemAlloc(new CUdeviceptr(), 4));
        assertTrue(Emulator.report().contains("as ordered"), Emulator.report());
        allocate(4);
        assertEquals(3, Emulator.calls(CallKind.ALLOCATION));
        refused(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, launch(device, COUNT));
        assertEquals(0, Emulator.counters().size());
        ok(launch(device, COUNT));
        Emulator.set(EmulatorOption.FAIL, "SYNCHRONIZE:1:CUDA_ERROR_UNKNOWN");
        refused(CUDA_ERROR_UNKNOWN, JCudaDriver.cuCtxSynchronize());
        ok(JCudaDriver.cuCtxSynchronize());
        Emulator.set(EmulatorOption.FAIL, "");
        assertThrows(IllegalArgumentException.class, () -> Emulator.set(EmulatorOption.FAIL, "COPY:1"));
        assertThrows(IllegalArgumentException.class, () -> Emulator.failNext(CallKind.COPY, 0, 2));
    }

    @Test
    void registerCountsDecideOccupancy() {
        CUfunction twice = new CUfunction();
        ok(JCudaDriver.cuModuleGetFunction(twice, module, "twice"));
        int[] registers = new int[1];
        int[] blocks = new int[1];
        Emulator.registers(PTX, "twice", 255);
        ok(JCudaDriver.cuFuncGetAttribute(registers, CU_FUNC_ATTRIBUTE_NUM_REGS, twice));
        assertEquals(255, registers[0]);
        ok(JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, twice, 256, 0));
        assertEquals(1, blocks[0]);
        Emulator.registers(PTX, "twice", 10);
        ok(JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, twice, 256, 0));
        assertEquals(8, blocks[0]);
    }

    @Test
    void ptxIsLinked() {
        CUlinkState link = new CUlinkState();
        ok(JCudaDriver.cuLinkCreate(new JITOptions(), link));
        byte[] text = ptx(PTX);
        ok(JCudaDriver.cuLinkAddData(
                link, CUjitInputType.CU_JIT_INPUT_PTX, Pointer.to(text), text.length, "twice.ptx", new JITOptions()));
        Pointer image = new Pointer();
        long[] bytes = new long[1];
        ok(JCudaDriver.cuLinkComplete(link, image, bytes));
        CUmodule linked = new CUmodule();
        ok(JCudaDriver.cuModuleLoadDataJIT(linked, image, new JITOptions()));
        ok(JCudaDriver.cuLinkDestroy(link));
        ok(JCudaDriver.cuModuleGetFunction(new CUfunction(), linked, "twice"));
    }

    private CUdeviceptr allocate(long bytes) {
        CUdeviceptr device = new CUdeviceptr();
        ok(JCudaDriver.cuMemAlloc(device, bytes));
        return device;
    }

    private int launch(CUdeviceptr device, int count) {
        CUfunction twice = new CUfunction();
        ok(JCudaDriver.cuModuleGetFunction(twice, module, "twice"));
        Pointer arguments = Pointer.to(Pointer.to(device), Pointer.to(new int[] {count}));
        return JCudaDriver.cuLaunchKernel(twice, 4, 1, 1, 256, 1, 1, 0, new CUstream(), arguments, null);
    }

    // PTX ends in a NUL, which cuModuleLoadData leaves to its caller.
    private static byte[] ptx(String text) {
        return (text + "\0").getBytes(StandardCharsets.US_ASCII);
    }

    private static void ok(int result) {
        refused(CUDA_SUCCESS, result);
    }

    private static void refused(int expected, int result) {
        assertEquals(CUresult.stringFor(expected), CUresult.stringFor(result), Emulator::report);
    }
}
