package io.quern.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import jcuda.Pointer;
import jcuda.driver.CUjit_option;
import jcuda.driver.CUmodule;
import jcuda.driver.JCudaDriver;
import jcuda.driver.JITOptions;

/** The modules of one context: each is loaded once, when the first of its kernels is asked for. */
final class CudaModules {
    /** Enough for the first dozens of complaints of ptxas; it cuts off by itself. */
    private static final int LOG_BYTES = 8192;

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
     * {@return a kernel of a module that is compiled when it is first asked for; none where there is no compiler}
     *
     * @param source of the module
     */
    Optional<CudaFunction> compiled(CudaSymbol symbol, Supplier<String> source) {
        synchronized (this) {
            if (functions.containsKey(symbol.name())) {
                return Optional.of(function(symbol));
            }
        }
        return CudaCompiler.find().map(compiler -> {
            byte[] ptx = compiler.compile(symbol.name(), source.get(), architecture()); // others need not wait
            synchronized (this) {
                modules.computeIfAbsent(symbol.module(), module -> load(ptx, module));
                return function(symbol);
            }
        });
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
        return "/io/quern/ptx/" + architecture() + "/";
    }

    /** compute_80 needs a device of capability 8.0 and is the better code there; compute_75 runs on all. */
    private String architecture() {
        return context.properties().atLeast(8, 0) ? "compute_80" : "compute_75";
    }

    private static byte[] read(String resource) {
        try (InputStream in = CudaModules.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IllegalArgumentException("there is no " + resource + " on the class path");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + resource, e);
        }
    }
}
