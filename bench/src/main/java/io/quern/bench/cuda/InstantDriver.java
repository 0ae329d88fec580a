package io.quern.bench.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A {@code libcuda.so.1} whose every call returns at once, built by the machine's C compiler from a page of C. */
final class InstantDriver {
    private static final String SOURCE = "instant_driver.c";

    private InstantDriver() {}

    /**
     * Builds it.
     *
     * @param folder where to put it
     * @return the library
     * @throws IllegalStateException where there is no C compiler, or it fails, with what it said
     */
    static Path build(Path folder) throws IOException, InterruptedException {
        Path source = folder.resolve(SOURCE);
        Path library = folder.resolve("libcuda.so.1");
        try (InputStream packed = InstantDriver.class.getResourceAsStream("/io/quern/bench/c/" + SOURCE)) {
            Files.copy(packed, source);
        }
        List<String> command = List.of(
                "gcc",
                "-O2",
                "-shared",
                "-fPIC",
                "-Wl,-soname,libcuda.so.1",
                "-o",
                library.toString(),
                source.toString());
        Process compiler = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(compiler.getInputStream().readAllBytes());
        if (!compiler.waitFor(60, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
            throw new IllegalStateException("gcc cannot build " + SOURCE + ": " + said);
        }
        return library;
    }

    /**
     * Makes it this process's driver: whoever asks for a {@code libcuda.so.1} gets what is loaded under that name. Not a
     * method of the driver's own class, because that must find it loaded.
     */
    static void load(String library) {
        System.load(library);
    }
}
