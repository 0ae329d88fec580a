package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.CudaException;
import io.quern.ForkedJvm;
import org.junit.jupiter.api.Test;

/** Kernels that fail. Each in a JVM of its own: a context in which one failed is lost. */
class CudaFaultTest {
    /** Stores to an address where nothing is, once or after a kernel that is in order. */
    static final class WildStore {
        private WildStore() {}

        public static void main(String[] arguments) {
            CudaContext context = CudaContext.of(0);
            try (CudaStream stream = CudaStream.open(context)) {
                long x = Toy.upload(context, 1, 2);
                Toy.scale(stream, x, 2, 2).run();
                CudaLaunch.of(context.function(Toy.STORE), stream)
                        .grid(3)
                        .block(32)
                        .pointer(x + (1 << 20))
                        .int32(1)
                        .build()
                        .run();
                stream.synchronize();
                System.out.println("not noticed");
            } catch (CudaException e) {
                System.out.println(e.codeName() + " " + e.code() + " " + e.symbol());
                System.out.println(e.getMessage());
            }
        }
    }

    @Test
    void aWildStoreIsFoundAtSynchronizationWithKernelGridAndBlock() throws Exception {
        ForkedJvm.Result result =
                new ForkedJvm().flag("-Dio.quern.cuda=emulator").run(WildStore.class);
        String output = result.output();
        assertEquals(0, result.exitCode(), output);
        assertTrue(output.startsWith("CUDA_ERROR_ILLEGAL_ADDRESS 700 toy_store\n"), output);
        assertTrue(output.contains("last launched there: toy_store grid (3, 1, 1) block (32, 1, 1)"), output);
        assertTrue(output.contains("kernel toy_store, block (0,0,0), thread (0,0,0): global store of 4 bytes"), output);
    }
}
