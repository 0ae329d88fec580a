package io.quern.bench;

import io.quern.DeviceUnavailableException;
import java.io.PrintWriter;
import java.nio.file.FileSystemException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The workbench's command line. Exits with 0 if all is well, 1 if something failed, 2 if it was asked wrongly. */
@Command(
        name = "quern",
        description = "Quern's workbench: is this machine fit, do all kernels agree, how fast are they.",
        mixinStandardHelpOptions = true,
        versionProvider = Quern.Version.class,
        scope = CommandLine.ScopeType.INHERIT, // every command has --help and --version
        subcommands = {Doctor.class, Verify.class, Bench.class, Emulate.class, GpuDay.class, Demo.class})
public final class Quern implements Runnable {
    private static final int ASKED_WRONGLY = 2;

    @Spec
    private CommandSpec spec;

    /** Runs a command. */
    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    /** {@return the parser; tests give it other outputs} */
    static CommandLine commandLine() {
        CommandLine line = new CommandLine(new Quern());
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setUsageHelpWidth(100);
        line.setParameterExceptionHandler((wrong, _) -> refused(wrong.getCommandLine(), wrong.getMessage()));
        line.setExecutionExceptionHandler((thrown, command, _) -> {
            if (thrown instanceof IllegalArgumentException || thrown instanceof DeviceUnavailableException) {
                return refused(command, thrown.getMessage());
            }
            if (thrown instanceof FileSystemException file) {
                return refused(
                        command,
                        "cannot write "
                                + file.getFile()
                                + ": "
                                + file.getClass().getSimpleName());
            }
            throw thrown;
        });
        return line;
    }

    private static int refused(CommandLine command, String why) {
        PrintWriter errors = command.getErr();
        errors.println(command.getCommandSpec().qualifiedName() + ": " + why);
        errors.flush();
        return ASKED_WRONGLY;
    }

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "say what to do: doctor, verify, bench, emulate, gpu-day or demo; --help tells more");
    }

    /** The library's version. */
    static final class Version implements CommandLine.IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"quern " + Library.version()};
        }
    }
}
