package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DeviceUnavailableException;
import io.quern.ForkedJvm;
import io.quern.cuda.CudaDriver.Provider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine without a GPU, and machines whose driver is broken in one way or another: a clear word, and no crash. */
@Tag("no-driver")
class NoDriverTest {
    private static final String OR_WITHOUT = "or run on the CPU with Device.cpu(), or use the emulator with "
            + "-Dio.quern.cuda=emulator and quern-emulator on the class path";

    @TempDir
    private Path folder;

    /** Prints what the probe finds, one line each, and what {@code cuda:0} gets. */
    static final class Probe {
        private Probe() {}

        public static void main(String[] arguments) {
            CudaDriver.Availability found = CudaDriver.availability();
            System.out.println("available " + found.available());
            System.out.println("cause " + found.cause());
            System.out.println("cure " + found.cure());
            System.out.println("cached " + (CudaDriver.availability() == found));
            try {
                System.out.println("device " + CudaContext.of(0).name());
            } catch (DeviceUnavailableException e) {
                System.out.println("thrown " + e.getMessage());
            }
        }
    }

    @Test
    void withoutADriverTheProbeSaysSoAndHowToGoOn() {
        CudaDriver.Availability found = CudaDriver.availability();
        assertFalse(found.available());
        assertEquals(Provider.DRIVER, found.provider());
        assertEquals(0, found.deviceCount());
        assertEquals("no NVIDIA driver (libcuda.so.1 not found)", found.cause());
        assertEquals("install one, " + OR_WITHOUT, found.cure());
    }

    @Test
    void aContextOfADeviceThatIsNotThereIsRefusedInOneLine() {
        DeviceUnavailableException e = assertThrows(DeviceUnavailableException.class, () -> CudaContext.of(0));
        assertEquals(
                "cuda:0 is not available: no NVIDIA driver (libcuda.so.1 not found); install one, " + OR_WITHOUT,
                e.getMessage());
        assertEquals(1, e.getMessage().lines().count());
    }

    @Test
    void theOtherProviderIsRefused() {
        DeviceUnavailableException e =
                assertThrows(DeviceUnavailableException.class, () -> CudaDriver.require(Provider.EMULATOR));
        assertTrue(e.getMessage().contains("this process uses the driver"), e.getMessage());
        assertTrue(e.getMessage().endsWith("start another with -Dio.quern.cuda=emulator"), e.getMessage());
    }

    @Test
    void anEmptyFileForADriver() throws Exception {
        Files.createFile(folder.resolve("libcuda.so.1"));
        expectRefusal(probe(), "the NVIDIA driver does not load (", "file too short");
    }

    @Test
    void textForADriver() throws Exception {
        Files.writeString(folder.resolve("libcuda.so.1"), "#!/bin/sh\n".repeat(200));
        expectRefusal(probe(), "the NVIDIA driver does not load (", "invalid ELF header");
    }

    @Test
    void aLibraryWithoutTheDriversFunctions() throws Exception {
        Path other = Path.of(System.getProperty("java.home"), "lib", "libjsig.so");
        Files.copy(other, folder.resolve("libcuda.so.1"));
        expectRefusal(probe(), "lacks cuCtxGetCurrent and " + (DriverProbe.FUNCTIONS.size() - 1) + " more functions\n");
    }

    @Test
    void aDriverThatLacksOneFunction() throws Exception {
        new FakeDriver().without("cuGraphLaunch").build(folder);
        expectRefusal(
                probe(),
                "cause libcuda.so.1 lacks cuGraphLaunch\n",
                "cure install an NVIDIA driver that supports CUDA 11.8 or newer, " + OR_WITHOUT);
    }

    @Test
    void aDriverThatIsTooOld() throws Exception {
        new FakeDriver().writing("cuDriverGetVersion", 11_040).build(folder);
        expectRefusal(
                probe(),
                "cause the NVIDIA driver supports CUDA 11.4, and Quern needs 11.8",
                "cure install a newer driver (520 or later), " + OR_WITHOUT);
    }

    @Test
    void aDriverWithoutAGpu() throws Exception {
        new FakeDriver().returning("cuInit", 100).build(folder);
        expectRefusal(probe(), "cause the NVIDIA driver finds no GPU", "cure see whether nvidia-smi lists one, ");
        new FakeDriver().writing("cuDeviceGetCount", 0).build(folder);
        expectRefusal(probe(), "cause the NVIDIA driver finds no GPU");
    }

    @Test
    void hiddenGpus() throws Exception {
        new FakeDriver().returning("cuInit", 100).build(folder);
        ForkedJvm.Result result = new ForkedJvm()
                .environment("LD_LIBRARY_PATH", folder.toString())
                .environment("CUDA_VISIBLE_DEVICES", "")
                .run(Probe.class);
        expectRefusal(result, "cause CUDA_VISIBLE_DEVICES=\"\" hides every GPU", "cure unset it, " + OR_WITHOUT);
    }

    @Test
    void theStubOfAToolkit() throws Exception {
        new FakeDriver().returning("cuInit", 34).build(folder);
        expectRefusal(
                probe(),
                "cause libcuda.so.1 is the stub that CUDA toolkits link against",
                "cure take its folder out of");
    }

    @Test
    void aLibraryAndAKernelModuleThatDisagree() throws Exception {
        new FakeDriver().returning("cuInit", 803).build(folder);
        expectRefusal(probe(), "its kernel module are of different versions", "cure reboot, or reinstall the driver, ");
    }

    @Test
    void aDriverThatDoesNotStart() throws Exception {
        new FakeDriver().returning("cuInit", 999).build(folder);
        expectRefusal(probe(), "cuInit says CUDA_ERROR_UNKNOWN (999)", "cure see whether nvidia-smi works, ");
    }

    @Test
    void aDriverThatDoesNotAnswer() throws Exception {
        new FakeDriver().returning("cuDeviceGetCount", 802).build(folder);
        expectRefusal(probe(), "cuDeviceGetCount says CUDA_ERROR_SYSTEM_NOT_READY (802)");
    }

    @Test
    void aDriverInOrderButJcudasLibraryIsNowhere() throws Exception {
        new FakeDriver().build(folder);
        ForkedJvm.Result result = new ForkedJvm()
                .environment("LD_LIBRARY_PATH", folder.toString())
                .flag("-Djava.library.path=" + folder)
                .without("jcuda-natives")
                .run(Probe.class);
        expectRefusal(
                result,
                "cause JCuda's native library does not load (there is no lib/libJCudaDriver-",
                "cure put jcuda-natives 12.6.0 for linux-x86_64 on the class path");
    }

    @Test
    void aDriverInOrderIsFound() throws Exception {
        new FakeDriver().build(folder);
        String output = probe().output();
        assertTrue(output.startsWith("available true\ncause \ncure \ncached true\n"), output);
    }

    @Test
    void nativeAccessIsDenied() throws Exception {
        expectRefusal(
                new ForkedJvm().denyNativeAccess().run(Probe.class),
                "cause looking for CUDA failed: Illegal native access",
                "cure start the JVM with --enable-native-access=ALL-UNNAMED");
    }

    @Test
    void anUnknownProvider() throws Exception {
        ForkedJvm.Result result = new ForkedJvm().flag("-Dio.quern.cuda=gpu").run(Probe.class);
        expectRefusal(result, "-Dio.quern.cuda is \"gpu\"", "set it to driver or emulator");
    }

    @Test
    void theEmulatorIsNotOnTheClassPath() throws Exception {
        ForkedJvm.Result result = new ForkedJvm()
                .flag("-Dio.quern.cuda=emulator")
                .without("native-build")
                .without("quern-emulator")
                .run(Probe.class);
        expectRefusal(
                result,
                "-Dio.quern.cuda=emulator, but the emulator is not on the class path",
                "add io.quern:quern-emulator to it");
    }

    private ForkedJvm.Result probe() throws IOException, InterruptedException {
        return new ForkedJvm().environment("LD_LIBRARY_PATH", folder.toString()).run(Probe.class);
    }

    private static void expectRefusal(ForkedJvm.Result result, String... parts) {
        String output = result.output();
        assertEquals(0, result.exitCode(), output);
        assertEquals(5, output.lines().count(), output);
        assertTrue(output.contains("available false\n"), output);
        assertTrue(output.contains("cached true\n"), output);
        assertTrue(output.contains("thrown cuda:0 is not available: "), output);
        for (String part : parts) {
            assertTrue(output.contains(part), output);
        }
    }
}
