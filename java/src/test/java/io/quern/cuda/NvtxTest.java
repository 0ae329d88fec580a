package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.quern.ForkedJvm;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Ranges for NVIDIA's profilers, with their library and without. */
class NvtxTest {
    /** Says on standard output what a profiler would see. */
    private static final String LIBRARY = """
        #include <stdio.h>
        int nvtxRangePushA(const char *name) { printf("push %s\\n", name); fflush(stdout); return 0; }
        int nvtxRangePop(void) { printf("pop\\n"); fflush(stdout); return 0; }
        """;

    /** One range inside another. */
    static final class Ranges {
        private Ranges() {}

        public static void main(String[] arguments) {
            long outer = Nvtx.name("outer");
            long inner = Nvtx.name("größer");
            Nvtx.push(outer);
            if (Nvtx.name("outer") != outer) {
                System.out.println("a name is kept twice");
            }
            Nvtx.push(inner);
            Nvtx.pop();
            Nvtx.pop();
        }
    }

    @Test
    void rangesReachTheLibrary(@TempDir Path folder) throws Exception {
        CLibrary.build(folder, "libnvtx3interop.so.1", LIBRARY);
        ForkedJvm.Result result = new ForkedJvm()
                .environment("LD_LIBRARY_PATH", folder.toString())
                .run(Ranges.class);
        assertEquals("push outer\npush größer\npop\npop\n", result.output());
        assertEquals(0, result.exitCode());
    }

    @Test
    void withoutTheLibraryNothingHappens() throws Exception {
        ForkedJvm.Result result = new ForkedJvm().run(Ranges.class);
        assertEquals("", result.output());
        assertEquals(0, result.exitCode());
    }

    @Test
    void withoutNativeAccessNothingHappens() throws Exception {
        ForkedJvm.Result result = new ForkedJvm().denyNativeAccess().run(Ranges.class);
        assertEquals("", result.output());
        assertEquals(0, result.exitCode());
    }
}
