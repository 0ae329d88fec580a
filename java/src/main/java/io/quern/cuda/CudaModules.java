package io.quern.cuda;

import io.quern.DeviceUnavailableException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import jcuda.Pointer;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;
import jcuda.driver.JITOptions;

/** The modules of one context: each is loaded once, when the first of its kernels is asked for. */
final class CudaModules {
    /** Enough for the first dozens of complaints of ptxas; it cuts off by itself. */
    private static final int LOG_BYTES = 8192;

    /**
     * System property: a folder of resources, of an application or its tests, into which the PTX of what is compiled is written too:
     * on the class path it is found again where there is no compiler.
     */
    private static final String SHIPPED_PROPERTY = "io.quern.ptx";

    private static final String SHIPPED = "/io/quern/ptx/";

    /** What runs on all devices. */
    private static final String OLDEST = "compute_75";

    private final CudaContext context;
    private final Map<String, CUmodule> modules = new HashMap<>();
    private final Map<String, CudaFunction> functions = new HashMap<>();
    private Map<String, Integer> registers; // of the shipped kernels on this device; null: not read yet

    CudaModules(CudaContext context) {
        this.context = context;
    }

    synchronized CudaFunction function(CudaSymbol symbol) {
        CudaFunction known = functions.get(symbol.name());
        if (known == null) {
            known = find(symbol);
            functions.put(symbol.name(), known);
        }
        if (!known.symbol().equals(symbol)) {
            throw new IllegalArgumentException(
                    symbol.name() + " is declared twice: as " + known.symbol() + " and as " + symbol);
        }
        return known;
    }

    /**
     * {@return a kernel of a module whose PTX is on the class path, or is compiled when it is first asked for}
     *
     * @param what it is, for an error
     * @param source of the module, after which it is named
     * @throws DeviceUnavailableException where there is neither its PTX nor a compiler
     */
    CudaFunction compiled(CudaSymbol symbol, String what, Supplier<String> source) {
        synchronized (this) {
            if (functions.containsKey(symbol.name())) {
                return function(symbol);
            }
        }
        byte[] ptx =
                onClassPath(symbol.module()).orElseGet(() -> compile(symbol, what, source)); // others need not wait
        synchronized (this) {
            modules.computeIfAbsent(symbol.module(), module -> load(ptx, module));
            return function(symbol);
        }
    }

    /** {@return the PTX that ships with an application, for this device or for all} */
    private Optional<byte[]> onClassPath(String module) {
        return Stream.of(folder(), SHIPPED + OLDEST + "/")
                .map(folder -> CudaModules.class.getResource(folder + module + ".ptx"))
                .filter(Objects::nonNull)
                .findFirst()
                .map(CudaModules::read);
    }

    private byte[] compile(CudaSymbol symbol, String what, Supplier<String> source) {
        CudaCompiler compiler = CudaCompiler.find()
                .orElseThrow(() -> new DeviceUnavailableException(
                        context.name(),
                        "it has no kernel for " + what + ", and there is neither nvcc nor NVRTC to compile one",
                        "install NVIDIA's CUDA toolkit, name its nvcc by -D" + CudaCompiler.PROPERTY
                                + "=PATH, or solve on another device"));
        String folder = System.getProperty(SHIPPED_PROPERTY);
        byte[] ptx = compiler.compile(symbol.name(), source.get(), folder == null ? architecture() : OLDEST);
        if (folder != null) {
            Path file = Path.of(folder, SHIPPED, OLDEST, symbol.module() + ".ptx");
            try {
                Files.createDirectories(file.getParent());
                NativeCache.write(ptx, file);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot write " + file, e);
            }
        }
        return ptx;
    }

    private CudaFunction find(CudaSymbol symbol) {
        CUmodule module = modules.computeIfAbsent(symbol.module(), this::load);
        Handles.Function function = new Handles.Function();
        int code = context.status(() -> JCudaDriver.cuModuleGetFunction(function, module, symbol.name()));
        if (code != DriverStatus.SUCCESS) {
            throw DriverStatus.failure(
                    code,
                    "no kernel " + symbol.name() + " in " + resource(symbol.module()) + " on " + context.name(),
                    symbol.name());
        }
        return CudaFunction.of(context, symbol, function);
    }

    private CUmodule load(String module) {
        byte[] ptx = read(resource(module));
        if (CudaDriver.provider() == CudaDriver.Provider.EMULATOR) {
            EmulatorLibrary.tellRegisters(ptx, registers());
        }
        return load(ptx, resource(module));
    }

    private Map<String, Integer> registers() {
        if (registers == null) {
            CudaProperties device = context.properties();
            String text = new String(read(folder() + "registers.txt"), StandardCharsets.US_ASCII);
            registers = RegisterCounts.parse(text).on("sm_" + device.major() + device.minor());
        }
        return registers;
    }

    /**
     * Loads PTX.
     *
     * @param ptx its text
     * @param name what to call it in an error
     */
    CUmodule load(byte[] ptx, String name) {
        byte[] image = Arrays.copyOf(ptx, ptx.length + 1); // the driver reads up to a NUL
        JITOptions options = new JITOptions();
        options.putInt(CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, LOG_BYTES);
        options.putBytes(CUjit_option.CU_JIT_ERROR_LOG_BUFFER, new byte[LOG_BYTES]);
        CUmodule module = new CUmodule();
        int code = context.status(() -> JCudaDriver.cuModuleLoadDataJIT(module, Pointer.to(image), options));
        if (code != DriverStatus.SUCCESS) {
            String log = options.getString(CUjit_option.CU_JIT_ERROR_LOG_BUFFER);
            String said = log == null || log.isBlank() ? "" : ": " + log.strip();
            throw DriverStatus.failure(code, "loading " + name + " on " + context + said, null);
        }
        return module;
    }

    private String resource(String module) {
        return folder() + module + ".ptx";
    }

    private String folder() {
        return SHIPPED + architecture() + "/";
    }

    /** compute_80 needs a device of capability 8.0 and is the better code there; compute_75 runs on all. */
    private String architecture() {
        return context.properties().atLeast(8, 0) ? "compute_80" : OLDEST;
    }

    private static byte[] read(String resource) {
        URL url = CudaModules.class.getResource(resource);
        if (url == null) {
            throw new IllegalArgumentException("there is no " + resource + " on the class path");
        }
        return read(url);
    }

    private static byte[] read(URL url) {
        try (InputStream in = url.openStream()) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + url, e);
        }
    }
}
