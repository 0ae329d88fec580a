package io.quern;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** What the build promises every test: without these a test fails far from the cause. */
class TestJvmTest {

    @Test
    void hasTheVectorModule() {
        assertTrue(
                ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent(),
                "start the JVM with --add-modules jdk.incubator.vector");
    }

    @Test
    void findsJCudaUnpacked() {
        Path natives = Path.of(System.getProperty("java.library.path"));
        assertTrue(
                Files.exists(natives.resolve("libJCudaDriver-12.6.0-linux-x86_64.so")),
                () -> "no JCuda driver binding in " + natives);
    }
}
