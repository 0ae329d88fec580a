package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.ForkedJvm;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** JCuda's natives where java.library.path has none. Its PTX compiler stands for all: it needs no driver. */
class NativeCacheTest {
    private static final String RESOURCE = "lib/libJNvPTXCompiler-12.6.0-linux-x86_64.so";
    private static final int JVMS_AT_ONCE = 6;

    @TempDir
    private Path folder;

    /** Loads the library as the library itself would, and calls it. */
    static final class Load {
        private Load() {}

        public static void main(String[] arguments) {
            String before = System.getProperty("java.io.tmpdir");
            JcudaNatives.load("JNvPTXCompiler", "jcuda.nvptxcompiler.JNvPTXCompiler");
            int[] major = new int[1];
            JNvPTXCompiler.nvPTXCompilerGetVersion(major, new int[1]);
            System.out.println("version " + major[0]);
            System.out.println("tmpdir kept " + before.equals(System.getProperty("java.io.tmpdir")));
        }
    }

    @Test
    void jvmsThatStartTogetherAllLoadIt() throws Exception {
        List<ForkedJvm.Running> running = new ArrayList<>();
        for (int i = 0; i < JVMS_AT_ONCE; i++) {
            running.add(fork().start(Load.class));
        }
        for (ForkedJvm.Running jvm : running) {
            expectLoaded(jvm.await());
        }
        assertEquals(List.of(Path.of(RESOURCE).getFileName()), filesIn(folder.resolve("quern")));
    }

    @Test
    void whatAKilledJvmLeftHalfWrittenIsRepaired() throws Exception {
        Path file = cacheAt("quern").place(RESOURCE).resolve(Path.of(RESOURCE).getFileName());
        long whole = Files.size(file);
        // A file of its own, so that the library this JVM has just mapped stays whole.
        Path half = Files.copy(file, folder.resolve("half"));
        try (FileChannel channel = FileChannel.open(half, StandardOpenOption.WRITE)) {
            channel.truncate(whole / 2);
        }
        Files.delete(file);
        Files.move(half, file);
        expectLoaded(fork().run(Load.class));
        assertEquals(whole, Files.size(file));
    }

    @Test
    void onlyItsUserCanEnterTheFolder() throws IOException {
        Path placed = cacheAt("quern").place(RESOURCE);
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(placed)));
        assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(placed.getParent())));
    }

    @Test
    void theNextFolderIsTakenWhereTheFirstIsNone() throws IOException {
        Files.writeString(folder.resolve("file"), "in the way");
        assertTrue(cacheAt("file", "second").place(RESOURCE).startsWith(folder.resolve("second")));
    }

    @Test
    void aFolderThatOthersCanWriteIsNotTrusted() throws IOException {
        Path open = Files.createDirectory(folder.resolve("open"));
        Files.setPosixFilePermissions(open, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertTrue(cacheAt("open", "second").place(RESOURCE).startsWith(folder.resolve("second")));
    }

    @Test
    void aLinkIsNotFollowed() throws IOException {
        Path elsewhere = Files.createDirectory(folder.resolve("elsewhere"));
        Files.createSymbolicLink(folder.resolve("link"), elsewhere);
        assertTrue(cacheAt("link", "second").place(RESOURCE).startsWith(folder.resolve("second")));
    }

    @Test
    void whereNoFolderWillDoEachIsNamedWithItsReason() {
        // Not a library: it cannot be loaded from anywhere, as nothing can from a file system mounted noexec.
        String resource = "io/quern/lion/registers.txt";
        UnsatisfiedLinkError e = assertThrows(
                UnsatisfiedLinkError.class, () -> cacheAt("first", "second").place(resource));
        assertTrue(e.getMessage().startsWith("no folder can hold registers.txt: "), e.getMessage());
        assertTrue(e.getMessage().contains(folder.resolve("first").toString()), e.getMessage());
        assertTrue(e.getMessage().contains(folder.resolve("second").toString()), e.getMessage());
    }

    @Test
    void aMissingResourceIsNamed() {
        UnsatisfiedLinkError e =
                assertThrows(UnsatisfiedLinkError.class, () -> cacheAt("quern").place("lib/libNone.so"));
        assertEquals("there is no lib/libNone.so on the class path", e.getMessage());
    }

    private NativeCache cacheAt(String... names) {
        return new NativeCache(Stream.of(names).map(folder::resolve).toList());
    }

    /** {@return a JVM whose only place for natives is this test's folder} */
    private ForkedJvm fork() {
        return new ForkedJvm()
                .environment("XDG_CACHE_HOME", folder.toString())
                .flag("-Djava.io.tmpdir=" + folder)
                .flag("-Djava.library.path=" + folder);
    }

    private static void expectLoaded(ForkedJvm.Result result) {
        assertEquals(0, result.exitCode(), result.output());
        assertEquals("version 12\ntmpdir kept true\n", result.output());
    }

    private static List<Path> filesIn(Path root) throws IOException {
        try (Stream<Path> found = Files.walk(root)) {
            return found.filter(Files::isRegularFile).map(Path::getFileName).toList();
        }
    }
}
