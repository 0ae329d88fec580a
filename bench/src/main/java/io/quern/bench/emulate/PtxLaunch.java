package io.quern.bench.emulate;

import io.quern.Device;
import io.quern.Stream;
import io.quern.cuda.CudaContext;
import io.quern.emulator.Emulator;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * One launch of a kernel that somebody has the PTX of.
 *
 * @param ptx the module, ended by a zero as the driver wants it
 * @param kernel its symbol
 * @param grid blocks in x, y and z
 * @param block threads in x, y and z
 * @param sharedBytes dynamic shared memory of a block
 * @param arguments in the kernel's order
 */
public record PtxLaunch(
        byte[] ptx, String kernel, List<Integer> grid, List<Integer> block, int sharedBytes, List<Argument> arguments) {

    private static final Pattern PARAMETER =
            Pattern.compile("\\.param\\s+(\\.align\\s+\\d+\\s+)?\\.[a-z]+(?<bits>\\d+)[^,\\[]*(?<array>\\[[^,]*)?");

    /**
     * Reads the file and checks what a command line says.
     *
     * @throws IllegalArgumentException naming what is wrong with it
     */
    public static PtxLaunch of(
            Path file, String kernel, String grid, String block, int sharedBytes, List<String> arguments)
            throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException("there is no file " + file);
        }
        if (sharedBytes < 0) {
            throw new IllegalArgumentException("--shared must be 0 or more bytes, but is " + sharedBytes);
        }
        byte[] text = Files.readAllBytes(file);
        List<Argument> parsed = arguments.stream().map(Argument::parse).toList();
        checkParameters(new String(text, StandardCharsets.UTF_8), kernel, parsed);
        return new PtxLaunch(
                Arrays.copyOf(text, text.length + 1),
                kernel,
                size("--grid", grid),
                size("--block", block),
                sharedBytes,
                parsed);
    }

    /** The driver knows how many bytes a kernel takes, and nothing else about its parameters. */
    private static void checkParameters(String ptx, String kernel, List<Argument> arguments) {
        Matcher entry = Pattern.compile("\\.entry\\s+" + Pattern.quote(kernel) + "\\s*(\\(([^)]*)\\))?")
                .matcher(ptx);
        if (!entry.find()) {
            return; // the driver says it better
        }
        List<String> parameters = PARAMETER
                .matcher(entry.group(2) == null ? "" : entry.group(2))
                .results()
                .map(found -> found.group().strip())
                .toList();
        if (parameters.size() != arguments.size()) {
            throw new IllegalArgumentException(kernel + " takes " + parameters.size() + " arguments, but "
                    + arguments.size() + " are given; it takes " + parameters);
        }
        for (int i = 0; i < arguments.size(); i++) {
            Matcher parameter = PARAMETER.matcher(parameters.get(i));
            boolean scalar = parameter.matches() && parameter.group("array") == null;
            int bytes = scalar ? Integer.parseInt(parameter.group("bits")) / Byte.SIZE : 0;
            if (bytes != arguments.get(i).bytes()) {
                throw new IllegalArgumentException("argument " + arguments.get(i) + " has "
                        + arguments.get(i).bytes() + " bytes, but the parameter is " + parameters.get(i)
                        + (scalar ? "" : ", and only numbers and addresses can be given"));
            }
        }
    }

    private static List<Integer> size(String option, String text) {
        if (!text.matches("[1-9]\\d{0,8}(,[1-9]\\d{0,8}){0,2}")) {
            throw new IllegalArgumentException(
                    option + " is \"" + text + "\"; expected one to three numbers from 1, as in 64 or 8,8,2");
        }
        List<Integer> size = new ArrayList<>(List.of(1, 1, 1));
        String[] numbers = text.split(",");
        for (int i = 0; i < numbers.length; i++) {
            size.set(i, Integer.parseInt(numbers[i]));
        }
        return List.copyOf(size);
    }

    /**
     * Runs it, then hands over what the emulator reports ("" if nothing), while its counters are still there.
     *
     * @throws IllegalArgumentException if the module does not load, has no such kernel, or the device refuses the launch
     */
    <T> T run(Function<String, T> then) {
        try (Stream stream = Stream.open(Device.cuda(0))) {
            CudaContext context = stream.cuda().context();
            CUmodule module = new CUmodule();
            check(JCudaDriver.cuModuleLoadData(module, ptx), "loading the module");
            List<Long> memory = new ArrayList<>();
            try {
                CUfunction function = new CUfunction();
                check(JCudaDriver.cuModuleGetFunction(function, module, kernel), "finding " + kernel);
                return then.apply(launch(context, function, memory));
            } finally {
                Emulator.reset(); // a context that a kernel made unusable frees nothing
                memory.forEach(context::free);
                JCudaDriver.cuModuleUnload(module);
            }
        }
    }

    private String launch(CudaContext context, CUfunction function, List<Long> memory) {
        ByteBuffer block = argumentBlock(context, memory);
        Pointer extra = Pointer.to(
                JCudaDriver.CU_LAUNCH_PARAM_BUFFER_POINTER,
                Pointer.to(block),
                JCudaDriver.CU_LAUNCH_PARAM_BUFFER_SIZE,
                Pointer.to(new long[] {block.limit()}),
                JCudaDriver.CU_LAUNCH_PARAM_END);
        int refused = JCudaDriver.cuLaunchKernel(
                function,
                grid.get(0),
                grid.get(1),
                grid.get(2),
                this.block.get(0),
                this.block.get(1),
                this.block.get(2),
                sharedBytes,
                null,
                null,
                extra);
        check(refused, "launching " + kernel + arguments);
        int status = JCudaDriver.cuCtxSynchronize();
        return status == CUresult.CUDA_SUCCESS ? Emulator.report() : why(status);
    }

    /** Each argument at a multiple of its size, as kernels have them. */
    private ByteBuffer argumentBlock(CudaContext context, List<Long> memory) {
        int end = 0;
        ByteBuffer block = ByteBuffer.allocateDirect(arguments.size() * Long.BYTES + Long.BYTES)
                .order(ByteOrder.nativeOrder());
        for (Argument argument : arguments) {
            int at = Math.ceilDiv(end, argument.bytes()) * argument.bytes();
            end = at + argument.bytes();
            if (argument.isMemory()) {
                block.putLong(at, allocate(context, argument, memory));
            } else {
                argument.dtype().set(MemorySegment.ofBuffer(block).asSlice(at), 0, argument.value());
            }
        }
        return block.limit(end);
    }

    private static long allocate(CudaContext context, Argument argument, List<Long> memory) {
        long bytes = Math.multiplyExact(argument.count(), argument.dtype().bytes());
        long address = context.allocate(bytes);
        memory.add(address);
        if (argument.value() != null) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment values = arena.allocate(bytes, Long.BYTES);
                for (long i = 0; i < argument.count(); i++) {
                    argument.dtype().set(values, i, argument.value());
                }
                context.copyIn(address, values);
            }
        }
        return address;
    }

    private static void check(int status, String what) {
        if (status != CUresult.CUDA_SUCCESS) {
            throw new IllegalArgumentException(what + ": " + why(status));
        }
    }

    private static String why(int status) {
        String report = Emulator.report();
        return report.isEmpty() ? CUresult.stringFor(status) : report;
    }
}
