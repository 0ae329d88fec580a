package io.quern.bench;

import io.quern.Device;
import io.quern.bench.demo.DigitsTraining;
import io.quern.bench.demo.DigitsTraining.Point;
import io.quern.bench.demo.Flows;
import io.quern.bench.demo.Heat;
import io.quern.bench.demo.HotWater;
import io.quern.bench.demo.LoraDigits;
import io.quern.bench.demo.Lorenz;
import io.quern.bench.demo.LossChart;
import io.quern.bench.demo.WorkPrecision;
import io.quern.bench.report.ProgressLine;
import io.quern.bench.report.Units;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Small complete programs. */
@Command(
        name = "demo",
        description = "Runs a small complete program: digits-lion, flows, heat, hot-water, lora-digits, lorenz or"
                + " work-precision.")
final class Demo implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(
                spec.commandLine(),
                "say which: digits-lion, flows, heat, hot-water, lora-digits, lorenz or work-precision");
    }

    @Command(
            name = "digits-lion",
            description = "Trains softmax regression by Lion on 1,797 handwritten digits and draws the loss.")
    private int digitsLion(
            @Option(
                            names = "--device",
                            paramLabel = "D",
                            defaultValue = "cpu",
                            description = "where Lion steps; default ${DEFAULT-VALUE}")
                    String deviceName,
            @Option(
                            names = "--out",
                            paramLabel = "FILE",
                            defaultValue = "digits-lion.png",
                            description = "where the loss curve goes; default ${DEFAULT-VALUE}")
                    Path file)
            throws IOException {
        Device device = Device.named(deviceName);
        DigitsTraining training = new DigitsTraining();
        long start = System.nanoTime();
        List<Point> curve;
        try (ProgressLine bar = new ProgressLine("training", DigitsTraining.EPOCHS)) {
            curve = training.run(device, _ -> bar.step());
        }
        double seconds = (System.nanoTime() - start) * 1e-9;
        Point last = curve.getLast();
        String accuracy = String.format(Locale.ROOT, "%.1f%%", 100 * last.accuracy());
        LossChart.write(
                file, "Digits: softmax regression trained by Lion, " + accuracy + " of the test images right", curve);
        PrintWriter out = spec.commandLine().getOut();
        out.println("softmax regression, trained by Lion on " + device.name() + ": " + training.trainSize()
                + " handwritten digits, " + DigitsTraining.EPOCHS + " epochs, " + Units.seconds(seconds));
        out.println("test accuracy  " + accuracy + " of " + training.testSize() + " digits it has not seen");
        out.println("test loss      " + Units.significant(last.test()) + " nats, from "
                + Units.significant(curve.getFirst().test()));
        out.println("loss curve     " + file);
        out.println(
                "data           UCI \"Optical Recognition of Handwritten Digits\", E. Alpaydin, C. Kaynak; CC BY 4.0");
        out.flush();
        return 0;
    }

    @Command(
            name = "flows",
            description =
                    "Draws handwritten digits by flows that the digits themselves give, counts which, and draws how a"
                            + " uniform prior flows to four points.")
    private int flows(
            @Option(
                            names = "--device",
                            paramLabel = "D",
                            defaultValue = "cpu",
                            description = "where they are computed; default ${DEFAULT-VALUE}")
                    String deviceName,
            @Option(
                            names = "--out",
                            paramLabel = "FOLDER",
                            defaultValue = "flows",
                            description = "where the pictures go; default ${DEFAULT-VALUE}")
                    Path folder)
            throws IOException {
        return new Flows(Device.named(deviceName))
                        .run(folder, spec.commandLine().getOut())
                ? 0
                : 1;
    }

    @Command(
            name = "heat",
            description = "Extrapolates feature maps of handwritten digits from one quarter by (I + A) z and (I + B) z,"
                    + " fitted by Lion, says how far that is any good, and draws it.")
    private int heat(
            @Option(
                            names = "--device",
                            paramLabel = "D",
                            defaultValue = "cpu",
                            description = "where it is fitted and extrapolated; default ${DEFAULT-VALUE}")
                    String deviceName,
            @Option(
                            names = "--out",
                            paramLabel = "FILE",
                            defaultValue = "heat.png",
                            description = "where the picture goes; default ${DEFAULT-VALUE}")
                    Path file)
            throws IOException {
        new Heat(Device.named(deviceName)).run(file, spec.commandLine().getOut());
        return 0;
    }

    @Command(
            name = "hot-water",
            description = "Solves a day of the hot water in many houses, with and without circulation pumps: who waits"
                    + " how long, what runs away unused, what it costs in heat.")
    private int hotWater(
            @Option(
                            names = "--houses",
                            paramLabel = "N",
                            defaultValue = "100000",
                            description = "how many; default ${DEFAULT-VALUE}")
                    int houses,
            @Option(
                            names = "--device",
                            paramLabel = "D",
                            defaultValue = "cpu",
                            description = "where they are solved; default ${DEFAULT-VALUE}")
                    String deviceName,
            @Option(
                            names = "--out",
                            paramLabel = "FOLDER",
                            defaultValue = "hot-water",
                            description = "where the pictures go; default ${DEFAULT-VALUE}")
                    Path folder)
            throws IOException {
        HotWater demo = new HotWater(Device.named(deviceName), houses);
        return demo.run(folder, spec.commandLine().getOut()) ? 0 : 1;
    }

    @Command(
            name = "lora-digits",
            description =
                    "Trains a small attention classifier on the digits 0 to 4 and adapts it to 5 to 9 by LoRA, with"
                            + " full fine-tuning beside it, and draws both courses.")
    private int loraDigits(
            @Option(
                            names = "--device",
                            paramLabel = "D",
                            defaultValue = "cpu",
                            description = "where it is trained; default ${DEFAULT-VALUE}")
                    String deviceName,
            @Option(
                            names = "--out",
                            paramLabel = "FILE",
                            defaultValue = "lora-digits.png",
                            description = "where the curves go; default ${DEFAULT-VALUE}")
                    Path file)
            throws IOException {
        new LoraDigits(Device.named(deviceName)).run(file, spec.commandLine().getOut());
        return 0;
    }

    @Command(
            name = "lorenz",
            description =
                    "Solves a million trajectories of Lorenz' equations, draws where on the attractor they are how"
                            + " often, and says how fast that went.")
    private int lorenz(
            @Option(
                            names = "--trajectories",
                            paramLabel = "N",
                            defaultValue = "1000000",
                            description = "how many; default ${DEFAULT-VALUE}")
                    int trajectories,
            @Option(
                            names = "--device",
                            paramLabel = "D",
                            defaultValue = "cpu",
                            description = "where they are solved; default ${DEFAULT-VALUE}")
                    String deviceName,
            @Option(
                            names = "--out",
                            paramLabel = "FILE",
                            defaultValue = "lorenz.png",
                            description = "where the picture goes; default ${DEFAULT-VALUE}")
                    Path file)
            throws IOException {
        new Lorenz(Device.named(deviceName), trajectories)
                .run(file, spec.commandLine().getOut());
        return 0;
    }

    @Command(
            name = "work-precision",
            description = "Solves Kepler orbits to tolerances from 1e-3 to 1e-12 and draws what precision costs, beside"
                    + " Hipparchus on the same core.")
    private int workPrecision(
            @Option(
                            names = "--orbits",
                            paramLabel = "N",
                            defaultValue = "512",
                            description = "how many; default ${DEFAULT-VALUE}")
                    int orbits,
            @Option(
                            names = "--out",
                            paramLabel = "FILE",
                            defaultValue = "work-precision.png",
                            description = "where the picture goes; default ${DEFAULT-VALUE}")
                    Path file)
            throws IOException {
        new WorkPrecision(orbits, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12)
                .run(file, spec.commandLine().getOut());
        return 0;
    }
}
