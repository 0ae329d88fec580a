package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The probe looks for what the package calls, no less: a function that is missing when JCuda calls it ends the JVM. */
class DriverFunctionsTest {
    private static final Path SOURCES = Path.of("src/main/java/io/quern/cuda");
    private static final Pattern BY_JCUDA = Pattern.compile("JCudaDriver(?:\\.|::)(cu\\w+)");
    private static final Pattern BY_US =
            Pattern.compile("(?:link|critical|function|read)\\((?:\\w+, )?\"(cu[A-Z]\\w+)\"");

    /** JCuda calls these under a newer name than its own. */
    private static final Set<String> RENAMED =
            Set.of("cuDeviceTotalMem", "cuEventDestroy", "cuMemAlloc", "cuMemFree", "cuMemGetInfo", "cuStreamDestroy");

    /** Functions that need not be there: without them a feature is missing, and says so. */
    private static final Set<String> OPTIONAL = Set.of("cuLaunchKernelEx");

    @Test
    void theProbeLooksForEveryFunctionThatIsCalled() throws IOException {
        Set<String> called = new TreeSet<>();
        try (Stream<Path> sources = Files.list(SOURCES)) {
            for (Path source : sources.toList()) {
                String text = Files.readString(source);
                collect(BY_JCUDA.matcher(text), called);
                collect(BY_US.matcher(text), called);
            }
        }
        called.removeAll(OPTIONAL);
        assertEquals(new TreeSet<>(DriverProbe.FUNCTIONS), called);
    }

    private static void collect(Matcher calls, Set<String> called) {
        while (calls.find()) {
            String name = calls.group(1).equals("cuModuleLoadDataJIT") ? "cuModuleLoadDataEx" : calls.group(1);
            called.add(RENAMED.contains(name) ? name + "_v2" : name);
        }
    }
}
