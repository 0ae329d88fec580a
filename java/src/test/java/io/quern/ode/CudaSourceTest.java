package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.quern.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The formulae and numbers in CUDA sources are what the fields, the methods and {@link StepControl} say. After a change that is
 * meant, run this with {@code -Dio.quern.golden=renew}, then {@code native-build/ptx.sh ode}.
 */
class CudaSourceTest {
    /** From this module's folder, in which tests run. */
    private static final Path SOURCES = Path.of("../cuda/ode");

    @TestFactory
    Stream<DynamicTest> committedSourcesAreWhatIsWritten() {
        return written().entrySet().stream()
                .map(source -> DynamicTest.dynamicTest(source.getKey(), () -> {
                    Path file = SOURCES.resolve(source.getKey());
                    if ("renew".equals(System.getProperty("io.quern.golden"))) {
                        Files.writeString(file, source.getValue());
                    }
                    assertEquals(source.getValue(), Files.readString(file));
                }));
    }

    @Test
    void noFieldIsLeftOver() throws IOException {
        try (Stream<Path> files = Files.list(SOURCES)) {
            List<String> unknown = files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".cu") && !written().containsKey(name))
                    .toList();
            assertEquals(List.of(), unknown);
        }
    }

    private static Map<String, String> written() {
        Map<String, String> sources = new LinkedHashMap<>();
        sources.put("tableaux.cuh", CudaSource.tableaux());
        CudaCatalogue.all().forEach((name, known) -> sources.put(name + ".cu", CudaSource.kernels(name, known)));
        return sources;
    }

    /** A field is known by what it computes; another formula of the same value is another field. */
    @Test
    void aFieldIsRecognised() {
        OdeField same =
                OdeField.of(1, 1, (t, y, p) -> List.of(y.at(0).times(p.at(0)).negate()));
        OdeField other =
                OdeField.of(1, 1, (t, y, p) -> List.of(y.at(0).times(p.at(0).negate())));
        assertEquals("decay", name(same));
        assertNull(name(other));
    }

    private static String name(OdeField field) {
        return CudaCatalogue.name(
                new CudaKernel(Ode.of(field, Method.EULER), List.of(), DType.FP64, CudaKernel.Kind.FIXED));
    }
}
