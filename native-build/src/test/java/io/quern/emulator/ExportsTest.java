package io.quern.emulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A function that JCuda imports and the library lacks would end the JVM when it is called. */
class ExportsTest {
    @Test
    void everythingThatJcudaImportsIsExported() throws IOException, InterruptedException {
        Path natives;
        try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.library.path")))) {
            natives = files.filter(file -> file.getFileName().toString().startsWith("libJCudaDriver-"))
                    .findFirst()
                    .orElseThrow();
        }
        String named = System.getProperty("io.quern.emulator.library");
        Path library = named == null ? PackagedLibrary.place(PackagedLibrary.CUDA) : Path.of(named);
        Set<String> imported = driverSymbols("--undefined-only", natives);
        Set<String> missing = new TreeSet<>(imported);
        missing.removeAll(driverSymbols("--defined-only", library));
        assertEquals(312, imported.size());
        assertTrue(missing.isEmpty(), () -> "not exported: " + missing);
    }

    private static Set<String> driverSymbols(String which, Path library) throws IOException, InterruptedException {
        Process nm = new ProcessBuilder("nm", "-D", which, library.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String table = new String(nm.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.US_ASCII);
        assertEquals(0, nm.waitFor(), "exit status of nm");
        return table.lines()
                .map(line -> line.substring(line.lastIndexOf(' ') + 1))
                .filter(symbol -> symbol.matches("cu[A-Z]\\w*"))
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
