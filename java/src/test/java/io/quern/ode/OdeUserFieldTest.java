package io.quern.ode;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.CudaException;
import io.quern.DType;
import io.quern.Device;
import io.quern.DeviceUnavailableException;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import io.quern.cuda.CudaDriver;
import io.quern.emulator.Emulator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * A field that the catalogue lacks, compiled while the program runs. A script stands in for nvcc: it hands out what nvcc made
 * of the same source. After a change of {@code cuda/ode/*.cuh} that is meant, run this with {@code -Dio.quern.golden=renew} and
 * nvcc on PATH.
 */
class OdeUserFieldTest {
    private static final Path PTX =
            Path.of("src/test/resources/io/quern/ode/user_field.ptx").toAbsolutePath();
    private static final boolean RENEW = "renew".equals(System.getProperty("io.quern.golden"));

    private static final OdeField LOGISTIC = OdeField.of(
            1,
            1,
            (t, y, p) -> List.of(p.at(0).times(y.at(0)).times(Expression.of(1).minus(y.at(0)))));

    /** The source is the last argument of nvcc, before it the file to write. For the oldest architecture, which all run. */
    private static final String SCRIPT = """
        #!/bin/bash
        [ "$1" = --version ] && { echo stand-in; exit; }
        cp "${@: -1}" "%1$s/source.cu"
        %2$s
        cp "%3$s" "${@: -2:1}"
        """;

    private static final String MAKE = """
        { echo "// Of $(sha256sum <"${@: -1}")"; nvcc "${@/compute_80/compute_75}" && cat "${@: -2:1}"; } >"%s"
        """;

    @TempDir
    private Path folder;

    @TestFactory
    List<DynamicTest> onTheEmulator() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Device device : TestDevices.all()) {
            if (!device.onHost() && CudaDriver.provider() == CudaDriver.Provider.EMULATOR) {
                tests.add(DynamicTest.dynamicTest("compiled", () -> compiled(device)));
                tests.add(DynamicTest.dynamicTest("refused", () -> refused(device)));
                tests.add(DynamicTest.dynamicTest("written down", () -> writtenDown(device)));
            }
        }
        return tests;
    }

    private Path nvcc(String make) throws IOException {
        Path nvcc = folder.resolve("nvcc");
        Files.writeString(nvcc, SCRIPT.formatted(folder, make, PTX));
        Files.setPosixFilePermissions(nvcc, PosixFilePermissions.fromString("rwx------"));
        return nvcc;
    }

    private void compiled(Device device) throws Exception {
        Path nvcc = nvcc(RENEW ? MAKE.formatted(PTX).strip() : "");
        OdeRun run = OdeCases.random(LOGISTIC, Method.BOGACKI_SHAMPINE_3_2, DType.FP32, 67, 71);
        OdeRun.Result expected = solve(run, Device.reference());
        System.setProperty("io.quern.nvcc", nvcc.toString());
        System.setProperty("io.quern.cache", folder.toString());
        OdeRun.Result result;
        try {
            Emulator.reset();
            result = solve(run, device);
        } finally {
            System.setProperty("io.quern.nvcc", "off"); // as the build says
            System.clearProperty("io.quern.cache");
        }
        String source = Files.readString(folder.resolve("source.cu"));
        String hash =
                HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(source.getBytes(UTF_8)));
        assertTrue(
                Files.readString(PTX).startsWith("// Of " + hash),
                PTX + " is of another source: run this with -Dio.quern.golden=renew");
        Outcome outcome = expected.sameBits(result);
        assertTrue(outcome.passed(), outcome::toString);
        assertEquals(1, Emulator.counters().size());
        String kernel = Emulator.counters().getFirst().kernel();
        assertTrue(kernel.matches("ode_[0-9a-f]{32}_adaptive_bogacki_shampine_3_2_fp32"), kernel);
    }

    /** By steps of equal length, with save points, chosen steps, and with an event: with the field, and with what can be done. */
    private static void refused(Device device) {
        OdeEvent half =
                OdeEvent.of(LOGISTIC, Crossing.RISING, (t, y, p) -> y.at(0).minus(0.5));
        OdeRun run = OdeCases.random(LOGISTIC, Method.TSITOURAS_5_4, DType.FP64, 3, 72);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor state = arena.allocate(DType.FP64, 1, 3).copyFrom(run.state());
            Tensor parameters = arena.allocate(DType.FP64, 1, 3).copyFrom(run.parameters());
            Tensor out = arena.allocate(DType.FP64, 1, 3).fill(Double.NaN);
            Tensor saved = arena.allocate(DType.FP64, 1, 1, 3).fill(Double.NaN);
            List<SolveRoles<?>> solves = List.of(
                    run.ode().fixed().end(1),
                    run.ode().fixed().end(1).savePoints(0.5).saved(saved),
                    run.ode().adaptive().end(1).tolerances(1e-4, 1e-4),
                    run.ode().adaptive().end(1).tolerances(1e-4, 1e-4).events(half));
            for (SolveRoles<?> solve : solves) {
                SolveRoles<?> all = solve.state(state).parameters(parameters).out(out);
                DeviceUnavailableException refusal =
                        assertThrows(DeviceUnavailableException.class, () -> all.bind(stream));
                assertEquals("cuda:0", refusal.device());
                assertTrue(
                        refusal.reason().contains("field of dimension 1 with 1 parameters (OdeUserFieldTest"),
                        refusal::reason);
                assertTrue(refusal.reason().contains("by TSITOURAS_5_4 in FP64"), refusal::reason);
                assertTrue(refusal.cure().contains("-Dio.quern.nvcc="), refusal::cure);
            }
            assertTrue(Arrays.stream(out.toDoubleArray()).allMatch(Double::isNaN), "out was written");
            assertTrue(Arrays.stream(saved.toDoubleArray()).allMatch(Double::isNaN), "saved was written");
        }
    }

    /** What an application ships: under the name under which it is looked for, for the oldest architecture. */
    private void writtenDown(Device device) throws Exception {
        OdeField field = OdeField.of(
                1, 0, (t, y, p) -> List.of(y.at(0).times(Expression.of(0.25).minus(y.at(0)))));
        OdeRun run = OdeCases.random(field, Method.EULER, DType.FP32, 5, 73);
        Path resources = folder.resolve("resources");
        String error;
        System.setProperty("io.quern.nvcc", nvcc("").toString());
        System.setProperty("io.quern.cache", folder.toString());
        System.setProperty("io.quern.ptx", resources.toString());
        try {
            // What the script hands out is another kernel: it is written down, and then not found in its module.
            error = assertThrows(CudaException.class, () -> run.fixed(device, roles -> roles.size(1)))
                    .getMessage();
        } finally {
            System.setProperty("io.quern.nvcc", "off"); // as the build says
            System.clearProperty("io.quern.cache");
            System.clearProperty("io.quern.ptx");
        }
        Matcher kernel =
                Pattern.compile("no kernel (ode_[0-9a-f]{32}_fixed_euler_fp32)").matcher(error);
        assertTrue(kernel.find(), error);
        Path written = resources.resolve("io/quern/ptx/compute_75").resolve(kernel.group(1) + ".ptx");
        String given = Files.readString(PTX);
        assertEquals(
                given.substring(given.indexOf(".target")),
                Files.readString(written).replaceFirst("(?s).*(?=\\.target)", ""));
    }

    private static OdeRun.Result solve(OdeRun run, Device device) {
        return run.adaptive(device, roles -> roles.end(1).tolerances(1e-4, 1e-4));
    }
}
