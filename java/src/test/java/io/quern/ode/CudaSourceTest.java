package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.quern.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * The CUDA sources of the catalogue are what the fields, the methods and the step programs say. After a change that is meant,
 * run this with {@code -Dio.quern.golden=renew}, then {@code native-build/ptx.sh ode}.
 */
class CudaSourceTest {
    /** From this module's folder, in which tests run. */
    private static final Path SOURCES = Path.of("../cuda/ode");

    @TestFactory
    Stream<DynamicTest> committedSourcesAreWhatIsWritten() {
        return CudaCatalogue.modules().stream()
                .map(module -> DynamicTest.dynamicTest(module, () -> {
                    Path file = SOURCES.resolve(CudaCatalogue.file(module));
                    if ("renew".equals(System.getProperty("io.quern.golden"))) {
                        Files.writeString(file, CudaCatalogue.source(module));
                    }
                    assertEquals(CudaCatalogue.source(module), Files.readString(file));
                }));
    }

    @Test
    void noSourceIsLeftOver() throws IOException {
        try (Stream<Path> files = Files.list(SOURCES)) {
            assertEquals(
                    CudaCatalogue.modules().stream()
                            .map(CudaCatalogue::file)
                            .sorted()
                            .toList(),
                    files.map(file -> file.getFileName().toString())
                            .filter(name -> name.endsWith(".cu"))
                            .sorted()
                            .toList());
        }
    }

    /** A field is known by what it computes; another formula of the same value is another field. */
    @Test
    void aFieldIsRecognised() {
        OdeField same =
                OdeField.of(1, 1, (t, y, p) -> List.of(y.at(0).times(p.at(0)).negate()));
        OdeField other =
                OdeField.of(1, 1, (t, y, p) -> List.of(y.at(0).times(p.at(0).negate())));
        assertEquals("ode_decay", moduleOf(same, Method.RUNGE_KUTTA_4));
        assertNull(moduleOf(other, Method.RUNGE_KUTTA_4));
        assertNull(moduleOf(same, Method.HEUN));
        assertNotNull(moduleOf(OdeCatalogue.LORENZ, Method.RUNGE_KUTTA_4));
    }

    private static String moduleOf(OdeField field, Method method) {
        return CudaCatalogue.module(new CudaSource(Ode.of(field, method), DType.FP64, CudaSource.Kind.FIXED));
    }
}
