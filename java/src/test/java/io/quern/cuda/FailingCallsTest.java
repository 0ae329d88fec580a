package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.CudaException;
import io.quern.DType;
import io.quern.Device;
import io.quern.DeviceOutOfMemoryException;
import io.quern.ForkedJvm;
import io.quern.Graph;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.emulator.CallKind;
import io.quern.emulator.Emulator;
import io.quern.lion.Lion;
import io.quern.lion.LionCall;
import java.util.Arrays;
import java.util.List;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A program in which each call of the driver fails once: whichever it is, the error says which, nothing is left behind, and
 * the program runs when it is started again. In JVMs of their own, which destroy the context to see what it still holds.
 */
class FailingCallsTest {
    private static final int N = 5000;

    /** Everything that the library asks a driver for, once. */
    private static float[] program() {
        Device device = Device.cuda(0);
        try (Stream stream = Stream.open(device);
                TensorArena arena = TensorArena.open(device);
                TensorArena host = TensorArena.open(Device.cpu());
                CudaEvent event = CudaEvent.open(stream.cuda().context())) {
            Tensor parameter = arena.allocate(DType.FP32, N).copyFrom(new float[N]);
            Tensor momentum = arena.allocate(DType.FP32, N).fill(0);
            Tensor gradient = arena.allocate(DType.FP32, N).fill(1);
            Tensor result = host.allocate(DType.FP32, N);
            try (LionCall call = Lion.of(0.25).bind(stream, parameter, momentum, gradient);
                    Graph graph = stream.capture(call::run)) {
                call.run();
                graph.launch();
                event.record(stream.cuda());
                event.synchronize();
                stream.copy(parameter, result);
                stream.synchronize();
            }
            return result.toFloatArray();
        }
    }

    /** Fails every call of the kind that the argument names, in turn. */
    static final class Failures {
        private static final float[] EXPECTED = new float[N];

        private Failures() {}

        public static void main(String[] arguments) {
            CallKind kind = CallKind.valueOf(arguments[0]);
            Arrays.fill(EXPECTED, -0.5f);
            // The module is loaded once a process: its load is what fails first.
            if (kind == CallKind.MODULE_LOAD) {
                CudaContext.of(0);
                fail(kind, 1, 0);
                System.out.println("1 calls failed, each once");
                finish();
                return;
            }
            run();
            long allocated = CudaContext.of(0).allocatedBytes();
            Emulator.reset();
            run();
            long calls = Emulator.calls(kind);
            for (long n = 1; n <= calls; n++) {
                fail(kind, n, allocated);
            }
            System.out.println(calls + " calls failed, each once");
            finish();
        }

        private static void run() {
            if (!Arrays.equals(EXPECTED, program())) {
                throw new AssertionError("a wrong result");
            }
        }

        private static void fail(CallKind kind, long n, long allocated) {
            Emulator.reset();
            Emulator.failNext(kind, n, CUresult.CUDA_ERROR_SYSTEM_NOT_READY);
            try {
                program();
                System.out.println(kind + " " + n + ": not noticed");
            } catch (CudaException failed) {
                boolean said = failed.codeName().equals("CUDA_ERROR_SYSTEM_NOT_READY")
                        && (failed.getMessage().contains("cuda:0") || failed.symbol() != null)
                        && failed.getSuppressed().length == 0;
                if (!said) {
                    failed.printStackTrace(System.out);
                }
            }
            if (CudaContext.of(0).allocatedBytes() != allocated) {
                System.out.println(kind + " " + n + ": memory is left");
            }
            run();
        }

        private static void finish() {
            CUdevice device = new CUdevice();
            JCudaDriver.cuDeviceGet(device, 0);
            Emulator.reset();
            JCudaDriver.cuDevicePrimaryCtxReset(device);
            Emulator.leaks().forEach(System.out::println);
        }
    }

    @ParameterizedTest
    @EnumSource(CallKind.class)
    void everyCallFailsOnceAndNothingIsLeft(CallKind kind) throws Exception {
        ForkedJvm.Result result = new ForkedJvm()
                .flag("-Dio.quern.cuda=emulator")
                .flag("--add-modules=jdk.incubator.vector")
                .run(Failures.class, kind.name());
        String output = result.output();
        assertEquals(0, result.exitCode(), output);
        List<String> lines =
                output.lines().filter(line -> !line.startsWith("WARNING")).toList();
        assertEquals(1, lines.size(), output);
        assertTrue(lines.getFirst().matches("[1-9][0-9]* calls failed, each once"), output);
    }

    @Test
    void whatFailsForWantOfMemorySaysHowMuchThereIs() throws Exception {
        String output = new ForkedJvm()
                .flag("-Dio.quern.cuda=emulator")
                .flag("--add-modules=jdk.incubator.vector")
                .run(OutOfMemory.class)
                .output();
        List<String> said = output.lines()
                .filter(line -> line.matches("cuda:0 .*[0-9]+ bytes.*"))
                .toList();
        assertEquals(2, said.size(), output);
    }

    /** The library asks a second time, after what is free in its pool was given back. */
    static final class OutOfMemory {
        private OutOfMemory() {}

        public static void main(String[] arguments) {
            program();
            for (long n = 1; n <= 2; n++) {
                Emulator.reset();
                Emulator.failNext(CallKind.ALLOCATION, n, CUresult.CUDA_ERROR_OUT_OF_MEMORY);
                Emulator.failNext(CallKind.ALLOCATION, n + 1, CUresult.CUDA_ERROR_OUT_OF_MEMORY);
                try {
                    program();
                    System.out.println("not noticed");
                } catch (DeviceOutOfMemoryException expected) {
                    System.out.println(expected.getMessage());
                }
                program();
            }
        }
    }
}
