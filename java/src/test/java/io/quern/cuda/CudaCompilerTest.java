package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Compiling while the program runs, with scripts that stand in for nvcc. */
class CudaCompilerTest {
    /** Finds $out and $source among nvcc's arguments; says its release. */
    private static final String HEAD = """
        #!/bin/bash
        here=$(dirname "$0")
        [ "$1" = --version ] && { cat "$here/release"; exit; }
        echo "$@" >>"$here/calls"
        while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done
        source=$1
        """;

    private static final String COPIES = "{ echo .version 9.0; cat \"$source\"; } >\"$out\"\n";

    @TempDir
    private Path folder;

    @Test
    void madeOnceForAllProcesses() throws IOException {
        CudaCompiler compiler = compiler(COPIES, Duration.ofMinutes(1));
        String first = text(compiler.compile("a", "source a", "compute_80"));
        assertEquals(".version 7.8\nsource a", first);
        assertEquals(first, text(compiler(COPIES, Duration.ofMinutes(1)).compile("a", "source a", "compute_80")));
        List<String> calls = calls();
        assertEquals(1, calls.size(), calls::toString);
        assertTrue(calls.getFirst().startsWith("-ptx -fmad=false -std=c++17 -arch=compute_80 -o "), calls::toString);
    }

    @Test
    void anotherSourceArchitectureOrReleaseIsAnotherFile() throws IOException {
        CudaCompiler compiler = compiler(COPIES, Duration.ofMinutes(1));
        compiler.compile("a", "source a", "compute_80");
        assertEquals(".version 7.8\nsource b", text(compiler.compile("b", "source b", "compute_80")));
        compiler.compile("a", "source a", "compute_75");
        assertEquals(3, calls().size());
        Files.writeString(folder.resolve("release"), "release 13.1");
        compiler.compile("a", "source a", "compute_80");
        assertEquals(4, calls().size());
    }

    @Test
    void aFailureSaysWhatNvccSaysAndIsNotKept() throws IOException {
        CudaCompiler compiler = compiler("echo 'error: no such word'; exit 2\n", Duration.ofMinutes(1));
        for (int i = 1; i <= 2; i++) {
            String message = assertThrows(
                            IllegalStateException.class, () -> compiler.compile("the kernel", "source", "compute_80"))
                    .getMessage();
            assertTrue(message.contains("compiling the kernel, failed with status 2"), message);
            assertTrue(message.contains("error: no such word"), message);
            assertTrue(message.contains("-Dio.quern.nvcc=off"), message);
            assertEquals(i, calls().size());
        }
    }

    @Test
    void whatDoesNotEndIsEndedWithAllThatItStarted() throws IOException {
        CudaCompiler compiler = compiler("sleep 1000 &\necho $! >\"$here/child\"\nwait\n", Duration.ofSeconds(2));
        String message = assertThrows(
                        IllegalStateException.class, () -> compiler.compile("the kernel", "source", "compute_80"))
                .getMessage();
        assertTrue(message.contains("did not end within 2 s"), message);
        long child = Long.parseLong(Files.readString(folder.resolve("child")).strip());
        Path stat = Path.of("/proc", Files.readString(folder.resolve("child")).strip(), "stat");
        assertTimeoutPreemptively(Duration.ofMinutes(1), () -> {
            while (runs(stat)) {
                Thread.sleep(10);
            }
        });
    }

    private static boolean runs(Path stat) {
        try {
            return !Files.readString(stat).contains(") Z "); // ended, but nobody has asked how
        } catch (IOException _) {
            return false; // gone
        }
    }

    @Test
    void thePropertyNamesItOrForbidsIt() throws IOException {
        Path nvcc = nvcc(COPIES, Duration.ofMinutes(1)).path();
        try {
            System.setProperty(CudaCompiler.PROPERTY, nvcc.toString());
            assertEquals(nvcc, Nvcc.find().orElseThrow().path());
            assertTrue(CudaCompiler.find().orElseThrow().maker() instanceof Nvcc);
            System.setProperty(CudaCompiler.PROPERTY, nvcc + "13");
            String message = assertThrows(IllegalStateException.class, CudaCompiler::find)
                    .getMessage();
            assertTrue(message.startsWith(nvcc + "13 is no program"), message);
        } finally {
            System.setProperty(CudaCompiler.PROPERTY, "off"); // as the build says
        }
        assertEquals(Optional.empty(), CudaCompiler.find());
    }

    private CudaCompiler compiler(String body, Duration limit) throws IOException {
        return new CudaCompiler(nvcc(body, limit), List.of(folder.resolve("cache")));
    }

    private Nvcc nvcc(String body, Duration limit) throws IOException {
        Path nvcc = folder.resolve("nvcc");
        Files.writeString(nvcc, HEAD + body);
        Files.setPosixFilePermissions(nvcc, PosixFilePermissions.fromString("rwx------"));
        Files.writeString(folder.resolve("release"), "release 13.0");
        return new Nvcc(nvcc, limit);
    }

    private List<String> calls() throws IOException {
        return Files.readAllLines(folder.resolve("calls"));
    }

    private static String text(byte[] ptx) {
        return new String(ptx, StandardCharsets.US_ASCII);
    }
}
