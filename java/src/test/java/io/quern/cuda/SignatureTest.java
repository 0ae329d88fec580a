package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.lang.reflect.Method;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** What launchers declare to pass is what the kernels of the shipped PTX take. */
class SignatureTest {
    @TestFactory
    Stream<DynamicTest> everyLauncherPassesWhatItsKernelTakes() {
        return PtxFile.all().stream()
                .map(file -> dynamicTest(
                        file.toString(),
                        () -> assertEquals(
                                declared(file.room()).getOrDefault(file.module(), Map.of()), file.entries())));
    }

    @TestFactory
    Stream<DynamicTest> everyModuleThatALauncherAsksForShips() {
        Map<String, Set<String>> shipped = new TreeMap<>();
        for (PtxFile file : PtxFile.all()) {
            if (file.architecture().equals("compute_80")) {
                shipped.computeIfAbsent(file.room(), room -> new TreeSet<>()).add(file.module());
            }
        }
        return shipped.keySet().stream()
                .map(room -> dynamicTest(
                        room,
                        () -> assertEquals(
                                shipped.get(room), new TreeSet<>(declared(room).keySet()))));
    }

    /** {@return what a room's launcher declares of each module, spelt as PTX would} */
    private static Map<String, Map<String, List<String>>> declared(String room) throws ReflectiveOperationException {
        Map<String, Map<String, List<String>>> declared = new LinkedHashMap<>();
        for (CudaSymbol kernel : symbols(room)) {
            assertEquals(room, kernel.room());
            declared.computeIfAbsent(kernel.module(), module -> new LinkedHashMap<>())
                    .put(
                            kernel.name(),
                            kernel.parameters().stream().map(PtxFile::spelling).toList());
        }
        return declared;
    }

    /** {@return every kernel that a room's launcher declares} */
    static List<CudaSymbol> symbols(String room) throws ReflectiveOperationException {
        String launcher = "io.quern." + room + "." + room.substring(0, 1).toUpperCase() + room.substring(1) + "Cuda";
        Method symbols = Class.forName(launcher).getDeclaredMethod("symbols");
        symbols.setAccessible(true);
        return ((List<?>) symbols.invoke(null))
                .stream().map(CudaSymbol.class::cast).toList();
    }

    @Test
    void parametersOfEveryKindAreRead() {
        PtxFile file = new PtxFile("compute_80", "toy", """
            .visible .entry toy_all(
            \t.param .u64 .ptr .global .align 1 toy_all_param_0,
            \t.param .u64 toy_all_param_1,
            \t.param .u32 toy_all_param_2,
            \t.param .f32 toy_all_param_3,
            \t.param .f64 toy_all_param_4,
            \t.param .align 8 .b8 toy_all_param_5[32]
            )
            .maxntid 256, 1, 1
            {
            .visible .entry toy_none()
            {
            """);
        List<String> declared = Stream.of(
                        CudaParameter.POINTER,
                        CudaParameter.INT64,
                        CudaParameter.INT32,
                        CudaParameter.FLOAT32,
                        CudaParameter.FLOAT64,
                        CudaParameter.structure(32, 8))
                .map(PtxFile::spelling)
                .toList();
        assertEquals(Map.of("toy_all", declared, "toy_none", List.of()), file.entries());
    }
}
