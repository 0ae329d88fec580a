package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.ForkedJvm;
import io.quern.cpu.Lanes;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("cpu")
class StepCompilationTest {
    /** A line of {@code -XX:+PrintCompilation}: the hidden class, and the method. */
    private static final Pattern COMPILED = Pattern.compile("(CompiledStep/0x[0-9a-f]+)::(run|part\\d+) \\(");

    /**
     * The JVM's first compiler must not give up, with profiling or without: if it gives up once it has compiled a method, the
     * second never comes, and vectors stay boxed ({@link StepCompiler}). A short field, a long one, and one of powers.
     *
     * <p>What the compiler inlines depends on bytecode and on which classes are loaded, not on how often a method has run: so
     * steps are compiled after 4 runs instead of the JVM's 200, of which each takes a millisecond in the interpreter.
     */
    @Test
    void theFirstCompilerNeverGivesUp() throws IOException, InterruptedException {
        ForkedJvm.Result result = jvm().flag("-XX:TieredStopAtLevel=3")
                .flag("-XX:CompileCommand=quiet")
                .flag("-XX:CompileCommand=CompileThresholdScaling,*CompiledStep*::*,0.02")
                .flag("-XX:-BackgroundCompilation")
                .flag("-XX:+PrintCompilation")
                .run(StepCompilation.class, "LORENZ", "HIRES", "ARENSTORF");
        assertEquals(0, result.exitCode(), result::output);
        List<String> lines = Arrays.asList(result.output().split("\n"));
        List<String> skipped = lines.stream()
                .filter(line -> line.contains("CompiledStep/") && line.contains("COMPILE SKIPPED"))
                .toList();
        assertEquals(List.of(), skipped);
        Set<String> compiled = lines.stream()
                .map(COMPILED::matcher)
                .filter(Matcher::find)
                .map(line -> line.group(1))
                .collect(Collectors.toSet());
        Set<String> ran = new HashSet<>();
        for (String line : lines) {
            if (line.startsWith("RAN ")) {
                String type = line.split(" ")[1];
                ran.add(type.substring(type.indexOf("CompiledStep/")));
            }
        }
        int kernels = 3 * 2 * (Method.values().length + 2 * 3); // fields, types, adaptive methods attempt and start too
        assertEquals(kernels, ran.size());
        assertTrue(compiled.containsAll(ran), () -> "not compiled: " + ran + " but " + compiled);
    }

    /** Casts in the Vector API's shared code have failed before: C2 trusts few profiles of classes then. */
    @Test
    void vectorsOfOtherWidthsBoxNothing() throws IOException, InterruptedException {
        ForkedJvm.Result result = jvm().flag("-XX:TieredStopAtLevel=4")
                .flag("-XX:-BackgroundCompilation")
                .run(StepsAfterOtherWidths.class);
        assertEquals(0, result.exitCode(), result::output);
    }

    /** {@return one with vectors of this one's width} */
    private static ForkedJvm jvm() {
        return new ForkedJvm().flag("--add-modules=jdk.incubator.vector").flag("-Dio.quern.lanes=" + Lanes.BITS);
    }
}
