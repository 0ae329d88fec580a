package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.nio.file.Files;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** The emulator, which assembles nothing, knows how many registers the shipped kernels need. */
class RegisterCountsTest {
    @TestFactory
    Stream<DynamicTest> shippedKernelsHaveTheAssemblersCount() throws IOException {
        CudaContext context = CudaContext.of(0);
        CudaProperties device = context.properties();
        String architecture = device.atLeast(8, 0) ? "compute_80" : "compute_75";
        Map<String, Integer> counts = RegisterCounts.parse(Files.readString(PtxFile.registers(architecture)))
                .on("sm_" + device.major() + device.minor());
        return PtxFile.all().stream()
                .filter(file -> file.architecture().equals(architecture))
                .map(file -> dynamicTest(file.module(), () -> {
                    for (CudaSymbol symbol : SignatureTest.symbols(file.room())) {
                        if (symbol.module().equals(file.module())) {
                            assertEquals(
                                    counts.get(symbol.name()),
                                    context.function(symbol).registers());
                        }
                    }
                }));
    }

    /** Four quarters of 16,384 registers, of which a warp takes all of its own from one, in units of 256. */
    @Test
    void occupancyFollows() throws Exception {
        CudaContext context = CudaContext.of(0);
        int threads = 128;
        for (CudaSymbol symbol : SignatureTest.symbols("lion")) {
            if (!symbol.name().startsWith("lion_step")) {
                continue; // one thread
            }
            CudaFunction function = context.function(symbol);
            int ofWarp = (function.registers() * 32 + 255) / 256 * 256;
            int byRegisters = 16_384 / ofWarp * 4 / (threads / 32);
            int byThreads = context.properties().threadsPerMultiprocessor() / threads;
            assertEquals(Math.min(byRegisters, byThreads), function.blocksPerMultiprocessor(threads, 0), symbol.name());
        }
    }

    @Test
    void countsAreWrittenAsTheyAreRead() {
        String text = """
            kernel     sm_75  sm_80
            toy_other    255      8
            toy_twice      0     10
            """;
        RegisterCounts counts = RegisterCounts.parse("# a comment\n\n" + text);
        assertEquals(Map.of("toy_other", 8, "toy_twice", 10), counts.on("sm_80"));
        assertEquals(Map.of(), counts.on("sm_90"));
        assertEquals(text, counts.toString());
    }
}
