package io.quern.cuda;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A shared library from a few lines of C, built by the compiler that the emulator needs too. */
final class CLibrary {
    private static final long MOST_SECONDS = 60;

    private CLibrary() {}

    /**
     * Builds a library.
     *
     * @param folder where to put it
     * @param soname its name, and its file's
     * @param source C
     */
    static void build(Path folder, String soname, String source) throws IOException, InterruptedException {
        Path file = Files.writeString(folder.resolve(soname + ".c"), source);
        Path library = folder.resolve(soname);
        Process compiler = new ProcessBuilder(
                        "cc", "-shared", "-fPIC", "-Wl,-soname," + soname, "-o", library.toString(), file.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(compiler.getInputStream().readAllBytes());
        if (!compiler.waitFor(MOST_SECONDS, TimeUnit.SECONDS) || compiler.exitValue() != 0) {
            throw new AssertionError("cc: " + said);
        }
    }
}
