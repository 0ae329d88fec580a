package io.quern.cuda;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * CUDA C++ to PTX while the program runs, by NVIDIA's nvcc or by NVRTC, its compiler as a library. What was made is kept on disk,
 * under a name that says from what and by which release, so that it is made once for all processes of a user.
 *
 * @param maker does it
 * @param folders where PTX is kept: the first that can be written
 */
record CudaCompiler(Maker maker, List<Path> folders) {
    /**
     * System property: the path of nvcc, or {@code off}. Without it, $NVCC, $CUDA_HOME, $PATH and /usr/local/cuda are asked, and then
     * for NVRTC.
     */
    static final String PROPERTY = "io.quern.nvcc";

    static final String CURE = "name another by -D" + PROPERTY + ", or do without by -D" + PROPERTY + "=off";

    /** -fmad=false as in {@code native-build/ptx.sh}, so that every device rounds alike; C++17, which CUDA 11 has too. */
    private static final List<String> FLAGS = List.of("-fmad=false", "-std=c++17");

    /** As there: what we use is as old as this, and drivers refuse PTX that says it is newer than they are. */
    private static final String ISA = "7.8";

    /** What compiles. */
    interface Maker {
        /** {@return which it is, of which release} */
        String release();

        /**
         * {@return PTX}
         *
         * @param what it is, for an error
         * @param source all of it
         * @param flags that nvcc and NVRTC have alike
         * @throws IllegalStateException with the compiler's words where it fails
         */
        String make(String what, String source, List<String> flags);
    }

    /**
     * {@return this machine's, if it has one}
     *
     * @throws IllegalStateException if the property names what is none
     */
    static Optional<CudaCompiler> find() {
        if ("off".equals(System.getProperty(PROPERTY))) {
            return Optional.empty();
        }
        return Nvcc.find()
                .<Maker>map(nvcc -> nvcc)
                .or(Nvrtc::find)
                .map(maker -> new CudaCompiler(maker, NativeCache.folders()));
    }

    /**
     * {@return PTX}
     *
     * @param what it is, for an error
     * @param source all of it: nothing is included but what the compiler brings along
     * @param architecture {@code compute_80}
     * @throws IllegalStateException with the compiler's words where it fails or does not end
     */
    byte[] compile(String what, String source, String architecture) {
        List<String> flags = new ArrayList<>(FLAGS);
        flags.add("-arch=" + architecture);
        String key = String.join("\n", maker.release(), String.join(" ", flags), source);
        try {
            String name = NativeCache.hash(key.getBytes(StandardCharsets.UTF_8)) + ".ptx";
            Path known = NativeCache.privateFolder(folders, "ptx").resolve(name);
            if (!Files.isRegularFile(known)) {
                String ptx = maker.make(what, source, flags)
                        .replaceFirst("(?m)^\\.version .*", ".version " + ISA)
                        .replaceFirst("(?m)^// Compiler Build ID.*\n", ""); // as ptx.sh
                NativeCache.write(ptx.getBytes(StandardCharsets.US_ASCII), known);
            }
            return Files.readAllBytes(known);
        } catch (IOException e) {
            throw new UncheckedIOException("compiling " + what, e);
        }
    }
}
