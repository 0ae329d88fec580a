package io.quern.bench.demo;

import io.quern.Case;
import io.quern.Device;
import io.quern.bench.demo.HotWaterDay.Outcome;
import io.quern.bench.demo.House.Installation;
import io.quern.bench.report.ProgressLine;
import io.quern.bench.report.Table;
import io.quern.bench.report.Units;
import io.quern.ode.HotWaterCases;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** The whole demonstration: the model against its closed forms, the day of many houses, tables and pictures. */
public final class HotWater {
    private static final int EXAMPLE = 11; // a house of few draws, whose day is easily read
    private static final int MINUTE = 60;

    private final Device device;
    private final int houses;

    /**
     * Prepares it.
     *
     * @param houses 1 to {@value HotWaterDay#MOST_HOUSES}
     */
    public HotWater(Device device, int houses) {
        if (houses < 1 || houses > HotWaterDay.MOST_HOUSES) {
            throw new IllegalArgumentException("--houses must be 1.." + HotWaterDay.MOST_HOUSES + ", but is " + houses);
        }
        this.device = device;
        this.houses = houses;
    }

    /**
     * Runs it.
     *
     * @param folder where pictures go
     * @return whether all checks hold
     */
    public boolean run(Path folder, PrintWriter out) throws IOException {
        boolean good = check(out);
        HotWaterDay day = new HotWaterDay();
        long start = System.nanoTime();
        List<Outcome> outcomes;
        try (ProgressLine bar = new ProgressLine("houses", houses)) {
            outcomes = day.run(device, houses, bar::step);
        }
        double seconds = (System.nanoTime() - start) * 1e-9;
        report(out, outcomes, seconds);
        draw(folder, day, outcomes);
        out.println("pictures       " + folder.resolve("*.png"));
        out.flush();
        return good;
    }

    private boolean check(PrintWriter out) {
        boolean good = true;
        Table table = new Table("the model against closed forms", ">error", ">allowed", "", "of what");
        for (Case check : HotWaterCases.closedForms()) {
            io.quern.Outcome outcome = check.on(device);
            good &= outcome.passed();
            table.row(
                    check.name(),
                    Units.error(outcome.error()),
                    Units.error(outcome.bound()),
                    outcome.passed() ? "ok" : "FAILED",
                    outcome.message());
        }
        out.println(table);
        out.flush();
        return good;
    }

    private void report(PrintWriter out, List<Outcome> outcomes, double seconds) {
        Table table = new Table(
                "hot water by",
                ">houses",
                ">wait a draw",
                ">one in ten waits",
                ">l wasted a day",
                ">kWh a day",
                ">kWh lost",
                ">pump h a day");
        for (Installation installation : Installation.values()) {
            List<Outcome> own = outcomes.stream()
                    .filter(outcome -> outcome.house().installation() == installation)
                    .toList();
            if (!own.isEmpty()) {
                table.row(
                        installation.title(),
                        Units.count(own.size()),
                        Units.significant(mean(own, Outcome::waited)) + " s",
                        "> " + Units.significant(upperTenth(own, Outcome::waited)) + " s",
                        Units.significant(mean(own, Outcome::wasted)),
                        Units.significant(mean(own, Outcome::heat)),
                        Units.significant(mean(own, Outcome::lost)),
                        Units.significant(mean(own, Outcome::pumped)));
            }
        }
        long steps = outcomes.stream().mapToLong(Outcome::steps).sum();
        out.println(table);
        out.println(
                Units.count(houses) + " houses over a day on " + device.name() + ": " + Units.seconds(seconds) + ", "
                        + Units.significant(steps / seconds * 1e-6) + " million steps a second of "
                        + House.LOOP.dimension() + " components");
        out.println("heat balance   off by " + Units.error(most(outcomes, Outcome::heatImbalance))
                + " of a house's heat at most");
        out.println("water balance  off by " + Units.error(most(outcomes, Outcome::waterImbalance))
                + " of a house's water at most");
        out.println("model          kexue.fm 9405");
    }

    private void draw(Path folder, HotWaterDay day, List<Outcome> outcomes) throws IOException {
        double[] seconds = new double[(int) House.DAY / MINUTE];
        Arrays.setAll(seconds, i -> (double) i * MINUTE);
        double[][] temperatures = day.tapOf(device, EXAMPLE, seconds);
        House house = House.example(EXAMPLE, Installation.NO_PUMP);
        HotWaterCharts.writeDay(folder.resolve("day.png"), house, seconds, temperatures);
        HotWaterCharts.writeInstallations(folder.resolve("installations.png"), outcomes);
        HotWaterCharts.writeLengths(folder.resolve("lengths.png"), outcomes);
    }

    private static double mean(List<Outcome> outcomes, ToDoubleFunction<Outcome> number) {
        return outcomes.stream().mapToDouble(number).average().orElseThrow();
    }

    private static double most(List<Outcome> outcomes, ToDoubleFunction<Outcome> number) {
        return outcomes.stream().mapToDouble(number).max().orElseThrow();
    }

    private static double upperTenth(List<Outcome> outcomes, ToDoubleFunction<Outcome> number) {
        double[] sorted = outcomes.stream().mapToDouble(number).sorted().toArray();
        return sorted[sorted.length * 9 / 10];
    }
}
