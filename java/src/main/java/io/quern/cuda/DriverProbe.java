package io.quern.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.quern.cuda.CudaDriver.Availability;
import io.quern.cuda.CudaDriver.Provider;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.List;
import jcuda.driver.CUresult;

/**
 * Finds out, step by step, whether CUDA can be used: each step is taken only when the one before says that it is safe. JCuda
 * comes last: touched without a driver it fails with a page of text, and a function that its natives miss when they call it
 * ends the process.
 *
 * @param library the driver, null if there is none
 */
record DriverProbe(Availability availability, DynamicLibrary library) {
    private static final String SONAME = "libcuda.so.1";

    /** PTX ISA 7.8, which our PTX declares, came with CUDA 11.8. */
    private static final int OLDEST_DRIVER = 11_080;

    private static final String OR_WITHOUT = "or run on the CPU with Device.cpu(), or use the emulator with -D"
            + CudaDriver.PROPERTY
            + "=emulator and quern-emulator on the class path";

    /** Every function of the driver that this package calls, itself or through JCuda; a test holds the list to the sources. */
    static final List<String> FUNCTIONS = List.of(
            "cuCtxGetCurrent",
            "cuCtxPopCurrent_v2",
            "cuCtxPushCurrent_v2",
            "cuCtxSetCurrent",
            "cuCtxSynchronize",
            "cuDeviceGet",
            "cuDeviceGetAttribute",
            "cuDeviceGetCount",
            "cuDeviceGetName",
            "cuDevicePrimaryCtxGetState",
            "cuDevicePrimaryCtxRetain",
            "cuDeviceTotalMem_v2",
            "cuDriverGetVersion",
            "cuEventCreate",
            "cuEventDestroy_v2",
            "cuEventElapsedTime",
            "cuEventRecord",
            "cuEventSynchronize",
            "cuFuncGetAttribute",
            "cuFuncSetAttribute",
            "cuGraphDestroy",
            "cuGraphExecDestroy",
            "cuGraphInstantiateWithFlags",
            "cuGraphLaunch",
            "cuInit",
            "cuLaunchKernel",
            "cuMemAllocFromPoolAsync",
            "cuMemAlloc_v2",
            "cuMemFreeAsync",
            "cuMemFree_v2",
            "cuMemGetInfo_v2",
            "cuMemPoolCreate",
            "cuMemPoolTrimTo",
            "cuMemcpyDtoDAsync_v2",
            "cuMemcpyDtoHAsync_v2",
            "cuMemcpyHtoDAsync_v2",
            "cuMemsetD8Async",
            "cuModuleGetFunction",
            "cuModuleLoadDataEx",
            "cuOccupancyMaxActiveBlocksPerMultiprocessor",
            "cuStreamBeginCapture_v2",
            "cuStreamCreate",
            "cuStreamDestroy_v2",
            "cuStreamEndCapture",
            "cuStreamSynchronize",
            "cuStreamWaitEvent");

    /** A step that failed. */
    private static final class Refusal extends Exception {
        private static final long serialVersionUID = 1L;

        private final String cure;

        Refusal(String cause, String cure) {
            super(cause);
            this.cure = cure;
        }
    }

    /** Looks; never throws. */
    static DriverProbe run() {
        Provider provider = Provider.DRIVER;
        try {
            provider = chosen();
            DynamicLibrary library = provider == Provider.EMULATOR ? openEmulator() : openDriver();
            checkFunctions(library);
            initialize(library);
            int version = read(library, "cuDriverGetVersion");
            checkVersion(version);
            int devices = read(library, "cuDeviceGetCount");
            if (devices == 0) {
                throw noDevice();
            }
            loadJcuda();
            return new DriverProbe(Availability.of(provider, devices, version), library);
        } catch (Refusal refusal) {
            return new DriverProbe(new Availability(false, provider, 0, 0, refusal.getMessage(), refusal.cure), null);
        } catch (Throwable thrown) {
            return new DriverProbe(unexpected(provider, thrown), null);
        }
    }

    /** Whatever it is, asking whether there is CUDA must not end the caller. */
    private static Availability unexpected(Provider provider, Throwable thrown) {
        Throwable root = thrown;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String cause = "looking for CUDA failed: " + firstLine(root);
        String cure = root instanceof IllegalCallerException
                ? "start the JVM with --enable-native-access=ALL-UNNAMED"
                : "please report this, " + OR_WITHOUT;
        return new Availability(false, provider, 0, 0, cause, cure);
    }

    private static Provider chosen() throws Refusal {
        String asked = System.getProperty(CudaDriver.PROPERTY, "driver");
        for (Provider provider : Provider.values()) {
            if (provider.property().equals(asked)) {
                return provider;
            }
        }
        throw new Refusal(
                "-D" + CudaDriver.PROPERTY + " is \"" + asked + "\"", "set it to driver or emulator, or leave it out");
    }

    private static DynamicLibrary openDriver() throws Refusal {
        if (!System.getProperty("os.name").equals("Linux")
                || !System.getProperty("os.arch").equals("amd64")) {
            throw new Refusal(
                    "CUDA is supported on Linux x86-64, and this is "
                            + System.getProperty("os.name")
                            + " "
                            + System.getProperty("os.arch"),
                    "run on the CPU with Device.cpu()");
        }
        try {
            return DynamicLibrary.open(SONAME);
        } catch (UnsatisfiedLinkError e) {
            String said = firstLine(e);
            boolean absent = said.contains(SONAME + ": cannot open shared object file: No such file");
            throw new Refusal(
                    absent
                            ? "no NVIDIA driver (" + SONAME + " not found)"
                            : "the NVIDIA driver does not load (" + said + ")",
                    (absent ? "install one, " : "repair its installation, ") + OR_WITHOUT);
        }
    }

    private static DynamicLibrary openEmulator() throws Refusal {
        try {
            EmulatorLibrary.load();
            return DynamicLibrary.open(SONAME);
        } catch (NoClassDefFoundError e) {
            throw new Refusal(
                    "-D" + CudaDriver.PROPERTY + "=emulator, but the emulator is not on the class path",
                    "add io.quern:quern-emulator to it, or leave the property out");
        } catch (RuntimeException | LinkageError e) {
            throw new Refusal(
                    "the emulator does not load (" + firstLine(e) + ")",
                    "name a working one with -Dio.quern.emulator.library, or run on the CPU with" + " Device.cpu()");
        }
    }

    private static void checkFunctions(DynamicLibrary library) throws Refusal {
        List<String> missing =
                FUNCTIONS.stream().filter(name -> !library.has(name)).toList();
        if (!missing.isEmpty()) {
            String more = missing.size() == 1 ? "" : " and " + (missing.size() - 1) + " more functions";
            throw new Refusal(
                    SONAME + " lacks " + missing.getFirst() + more,
                    "install an NVIDIA driver that supports CUDA 11.8 or newer, " + OR_WITHOUT);
        }
    }

    private static void initialize(DynamicLibrary library) throws Throwable {
        MethodHandle init = library.function("cuInit", FunctionDescriptor.of(JAVA_INT, JAVA_INT));
        int code = (int) init.invokeExact(0);
        switch (code) {
            case CUresult.CUDA_SUCCESS -> {}
            case CUresult.CUDA_ERROR_NO_DEVICE -> throw noDevice();
            case CUresult.CUDA_ERROR_STUB_LIBRARY ->
                throw new Refusal(
                        SONAME + " is the stub that CUDA toolkits link against",
                        "take its folder out of LD_LIBRARY_PATH and install an NVIDIA driver, " + OR_WITHOUT);
            case CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH ->
                throw new Refusal(
                        "the NVIDIA driver's library and its kernel module are of different" + " versions",
                        "reboot, or reinstall the driver, " + OR_WITHOUT);
            default ->
                throw new Refusal(
                        "the NVIDIA driver does not start: cuInit says " + CUresult.stringFor(code) + " (" + code + ")",
                        "see whether nvidia-smi works, " + OR_WITHOUT);
        }
    }

    private static void checkVersion(int version) throws Refusal {
        if (version < OLDEST_DRIVER) {
            throw new Refusal(
                    "the NVIDIA driver supports CUDA " + dotted(version) + ", and Quern needs " + dotted(OLDEST_DRIVER),
                    "install a newer driver (520 or later), " + OR_WITHOUT);
        }
    }

    private static String dotted(int version) {
        return version / 1000 + "." + version % 1000 / 10;
    }

    private static Refusal noDevice() {
        String visible = System.getenv("CUDA_VISIBLE_DEVICES");
        return visible == null
                ? new Refusal("the NVIDIA driver finds no GPU", "see whether nvidia-smi lists one, " + OR_WITHOUT)
                : new Refusal("CUDA_VISIBLE_DEVICES=\"" + visible + "\" hides every GPU", "unset it, " + OR_WITHOUT);
    }

    private static int read(DynamicLibrary library, String function) throws Throwable {
        MethodHandle handle = library.function(function, FunctionDescriptor.of(JAVA_INT, ADDRESS));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment value = arena.allocate(JAVA_INT);
            int code = (int) handle.invokeExact(value);
            if (code != CUresult.CUDA_SUCCESS) {
                throw new Refusal(
                        "the NVIDIA driver does not answer: "
                                + function
                                + " says "
                                + CUresult.stringFor(code)
                                + " ("
                                + code
                                + ")",
                        "see whether nvidia-smi works, " + OR_WITHOUT);
            }
            return value.get(JAVA_INT, 0);
        }
    }

    private static void loadJcuda() throws Refusal {
        try {
            JcudaNatives.load();
        } catch (LinkageError | RuntimeException e) {
            throw new Refusal(
                    "JCuda's native library does not load (" + firstLine(e) + ")",
                    "put jcuda-natives 12.6.0 for linux-x86_64 on the class path, or its libraries"
                            + " on java.library.path");
        }
    }

    private static String firstLine(Throwable thrown) {
        String message = thrown.getMessage();
        return message == null || message.isBlank()
                ? thrown.toString()
                : message.lines().findFirst().orElseThrow();
    }
}
