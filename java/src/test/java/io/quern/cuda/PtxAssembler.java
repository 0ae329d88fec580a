package io.quern.cuda;

import static jcuda.nvptxcompiler.nvPTXCompileResult.NVPTXCOMPILE_SUCCESS;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;

/** NVIDIA's assembler as a library: what the driver does with PTX, without a driver. */
final class PtxAssembler {
    private static final String LIBRARY = "JNvPTXCompiler";
    private static final Pattern USAGE = Pattern.compile(
            "Compiling entry function '(\\w+)' for '\\w+'.*?(\\d+) bytes stack frame, (\\d+) bytes spill stores, "
                    + "(\\d+) bytes spill loads.*?Used (\\d+) registers",
            Pattern.DOTALL);

    static {
        JcudaNatives.load(LIBRARY, "jcuda.nvptxcompiler.JNvPTXCompiler");
    }

    private PtxAssembler() {}

    /**
     * What one kernel uses.
     *
     * @param kernel its name
     * @param registers a thread
     * @param stackBytes a thread, spills included
     * @param spillBytes stored and loaded
     */
    record Usage(String kernel, int registers, int stackBytes, int spillBytes) {}

    /** PTX that the assembler refuses. */
    static final class Refusal extends Exception {
        private static final long serialVersionUID = 1L;

        Refusal(String log) {
            super(log);
        }
    }

    /** {@return the file of the library, wherever this process found it: the version that it gives is not the release's} */
    static Path library() throws IOException {
        try (Stream<String> mapped = Files.lines(Path.of("/proc/self/maps"))) {
            return mapped.filter(line -> line.contains("/lib" + LIBRARY))
                    .map(line -> Path.of(line.substring(line.indexOf('/'))))
                    .findFirst()
                    .orElseThrow();
        }
    }

    /**
     * Assembles for a GPU.
     *
     * @param target as {@code "sm_80"}
     * @return what each kernel uses
     */
    static List<Usage> assemble(String ptx, String target) throws Refusal {
        byte[] text = ptx.getBytes(StandardCharsets.US_ASCII);
        nvPTXCompilerHandle compiler = new nvPTXCompilerHandle();
        check(JNvPTXCompiler.nvPTXCompilerCreate(compiler, text.length, Arrays.copyOf(text, text.length + 1)));
        try {
            String[] options = {"--gpu-name=" + target, "--verbose"};
            if (JNvPTXCompiler.nvPTXCompilerCompile(compiler, options.length, options) != NVPTXCOMPILE_SUCCESS) {
                long[] size = new long[1];
                check(JNvPTXCompiler.nvPTXCompilerGetErrorLogSize(compiler, size));
                byte[] log = new byte[(int) size[0] + 1];
                check(JNvPTXCompiler.nvPTXCompilerGetErrorLog(compiler, log));
                throw new Refusal(new String(log, StandardCharsets.UTF_8)
                        .replace('\0', ' ')
                        .strip());
            }
            return usages(infoLog(compiler));
        } finally {
            check(JNvPTXCompiler.nvPTXCompilerDestroy(compiler));
        }
    }

    private static String infoLog(nvPTXCompilerHandle compiler) {
        long[] size = new long[1];
        check(JNvPTXCompiler.nvPTXCompilerGetInfoLogSize(compiler, size));
        byte[] log = new byte[(int) size[0] + 1];
        check(JNvPTXCompiler.nvPTXCompilerGetInfoLog(compiler, log));
        return new String(log, StandardCharsets.UTF_8);
    }

    private static List<Usage> usages(String log) {
        List<Usage> usages = new ArrayList<>();
        Matcher kernel = USAGE.matcher(log);
        while (kernel.find()) {
            usages.add(new Usage(
                    kernel.group(1),
                    Integer.parseInt(kernel.group(5)),
                    Integer.parseInt(kernel.group(2)),
                    Integer.parseInt(kernel.group(3)) + Integer.parseInt(kernel.group(4))));
        }
        return usages;
    }

    private static void check(int code) {
        if (code != NVPTXCOMPILE_SUCCESS) {
            throw new AssertionError("the PTX compiler says " + code);
        }
    }
}
