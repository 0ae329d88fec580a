package io.quern.bench;

import io.quern.bench.emulate.Emulation;
import io.quern.bench.emulate.PtxLaunch;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Runs a kernel of anybody's PTX file once on the emulator and says what it did. */
@Command(
        name = "ptx",
        description =
                "Launches one kernel of a PTX file on the emulator and prints what it did, or what is wrong with it:"
                        + " ./quern emulate ptx saxpy.ptx saxpy --grid 4 --block 256 int32=1000 fp32=2 fp32[1000]=1"
                        + " fp32[1000]=3 --annotate")
final class EmulatePtx implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "FILE", description = "PTX; nvcc -ptx -lineinfo adds the lines of the source")
    private Path file;

    @Parameters(
            index = "1",
            paramLabel = "KERNEL",
            description = "its symbol; of C++ without extern \"C\", the mangled one")
    private String kernel;

    @Parameters(
            index = "2..*",
            paramLabel = "ARGUMENT",
            description =
                    "TYPE=NUMBER; TYPE[COUNT]: memory that nobody has written; TYPE[COUNT]=NUMBER: memory filled with"
                            + " it. Types are fp64, fp32, fp16, bf16, int32 and int64")
    private List<String> arguments = List.of();

    @Option(names = "--grid", required = true, paramLabel = "X[,Y[,Z]]", description = "blocks")
    private String grid;

    @Option(names = "--block", required = true, paramLabel = "X[,Y[,Z]]", description = "threads of a block")
    private String block;

    @Option(names = "--shared", paramLabel = "BYTES", description = "dynamic shared memory of a block")
    private int sharedBytes;

    @Mixin
    private EmulateOptions options;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        PtxLaunch launch = PtxLaunch.of(file, kernel, grid, block, sharedBytes, arguments);
        options.begin();
        return options.end(
                List.of(Emulation.of(launch, options.detail())),
                spec.commandLine().getOut());
    }
}
