package io.quern.ode;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.TestDevices;
import io.quern.cuda.CudaDriver;
import io.quern.emulator.Emulator;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
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
            }
        }
        return tests;
    }

    private void compiled(Device device) throws Exception {
        Path nvcc = folder.resolve("nvcc");
        Files.writeString(
                nvcc, SCRIPT.formatted(folder, RENEW ? MAKE.formatted(PTX).strip() : "", PTX));
        Files.setPosixFilePermissions(nvcc, PosixFilePermissions.fromString("rwx------"));
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

    private static OdeRun.Result solve(OdeRun run, Device device) {
        return run.adaptive(device, roles -> roles.end(1).tolerances(1e-4, 1e-4));
    }
}
