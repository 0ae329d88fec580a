package io.quern.bench.demo;

import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.bench.demo.House.Installation;
import io.quern.ode.AdaptiveSolve;
import io.quern.ode.HotWaterLoop;
import io.quern.ode.Method;
import io.quern.ode.Ode;
import io.quern.ode.OdeEvent;
import io.quern.ode.OdeField;
import io.quern.ode.OdeStatus;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/** A day of many houses' hot water, in FP64 by Dormand and Prince's method; what is drawn, pumped and ignited are events. */
public final class HotWaterDay {
    /** Houses solved in one call. */
    public static final int BLOCK = 4096;

    /** The most houses that their numbers tell apart, and that memory is kept for. */
    public static final int MOST_HOUSES = 10_000_000;

    private static final HotWaterLoop LOOP = House.LOOP;
    private static final double RTOL = 1e-4;
    private static final double ATOL = 1e-2; // kelvins, and of what is counted
    private static final double EVENT_TOLERANCE = 1e-3; // seconds

    private final Ode ode;
    private final OdeEvent[] events;

    /** Writes the field and its events down. */
    public HotWaterDay() {
        OdeField field = LOOP.field();
        this.ode = Ode.of(field, Method.DORMAND_PRINCE_5_4);
        this.events = LOOP.events(field);
    }

    /**
     * What came of a house's day.
     *
     * @param house which
     * @param draws how often water was drawn
     * @param waited for warm water, seconds a draw
     * @param wasted litres that ran away unused
     * @param heat given by the heater, kWh
     * @param lost of it in the pipes, kWh
     * @param pumped hours that the pump ran
     * @param heatImbalance what the counts of heat leave unexplained, as a share of it
     * @param waterImbalance likewise of the seconds that water ran
     * @param steps taken or tried
     */
    record Outcome(
            House house,
            int draws,
            double waited,
            double wasted,
            double heat,
            double lost,
            double pumped,
            double heatImbalance,
            double waterImbalance,
            int steps) {}

    /**
     * Solves houses 0, 1, ...
     *
     * @param afterBlock hears how many were done in each block
     */
    List<Outcome> run(Device device, int houses, IntConsumer afterBlock) {
        List<Outcome> all = new ArrayList<>(houses);
        try (Stream stream = Stream.open(device)) {
            for (int from = 0; from < houses; from += BLOCK) {
                List<House> block = new ArrayList<>();
                for (int i = from; i < Math.min(from + BLOCK, houses); i++) {
                    block.add(House.of(i));
                }
                solve(stream, block, all);
                afterBlock.accept(block.size());
            }
        }
        return all;
    }

    private void solve(Stream stream, List<House> houses, List<Outcome> to) {
        int batch = houses.size();
        try (TensorArena arena = TensorArena.open(stream.device())) {
            Tensor out = arena.allocate(DType.FP64, LOOP.dimension(), batch);
            Tensor statistics = arena.allocate(DType.INT32, AdaptiveSolve.STATISTICS, batch);
            roles(arena, houses).out(out).statistics(statistics).run(stream);
            double[] ends = out.toDoubleArray();
            double[] counts = statistics.toDoubleArray();
            double[] end = new double[LOOP.dimension()];
            for (int i = 0; i < batch; i++) {
                for (int j = 0; j < end.length; j++) {
                    end[j] = ends[j * batch + i];
                }
                OdeStatus status = OdeStatus.values()[(int) counts[3 * batch + i]];
                if (status != OdeStatus.DONE) {
                    throw new IllegalStateException("house " + (to.size()) + " ended as " + status);
                }
                to.add(outcome(houses.get(i), end, (int) (counts[i] + counts[batch + i])));
            }
        }
    }

    private AdaptiveSolve.Roles roles(TensorArena arena, List<House> houses) {
        int batch = houses.size();
        double[] parameters = new double[LOOP.parameters() * batch];
        double[] state = new double[LOOP.dimension() * batch];
        for (int i = 0; i < batch; i++) {
            double[] house = houses.get(i).parameters();
            double[] midnight = LOOP.midnight(house);
            for (int j = 0; j < house.length; j++) {
                parameters[j * batch + i] = house[j];
            }
            for (int j = 0; j < midnight.length; j++) {
                state[j * batch + i] = midnight[j];
            }
        }
        return ode.adaptive()
                .state(arena.allocate(DType.FP64, LOOP.dimension(), batch).copyFrom(state))
                .parameters(arena.allocate(DType.FP64, LOOP.parameters(), batch).copyFrom(parameters))
                .end(House.DAY)
                .tolerances(RTOL, ATOL)
                .events(events)
                .eventTolerance(EVENT_TOLERANCE);
    }

    private static Outcome outcome(House house, double[] end, int steps) {
        double[] p = house.parameters();
        int draws = (int) end[LOOP.ended()];
        double waited = end[LOOP.waited()];
        double pumped = end[LOOP.pumped()];
        double stored = 0;
        for (int cell = 0; cell < 2 * LOOP.cells(); cell++) {
            stored += end[cell] - p[HotWaterLoop.AMBIENT];
        }
        double heat = end[LOOP.heat()];
        double lost = end[LOOP.loss()];
        double unexplained = heat - lost - end[LOOP.drawn()] - stored;
        double used = draws * p[HotWaterLoop.DURATION];
        boolean all = draws == LOOP.draws() || p[HotWaterLoop.DRAWS + draws] >= HotWaterLoop.NEVER;
        double flowed = end[LOOP.flowed()];
        return new Outcome(
                house,
                draws,
                waited / draws,
                house.wasted(waited),
                house.kilowattHours(heat),
                house.kilowattHours(lost),
                pumped / 3600,
                Math.abs(unexplained) / heat,
                all ? Math.abs(flowed - waited - used) / flowed : 0, // else water runs at midnight
                steps);
    }

    /**
     * {@return the temperature at the tap of one house under each installation}
     *
     * @param seconds when
     */
    double[][] tapOf(Device device, int number, double[] seconds) {
        List<House> houses = new ArrayList<>();
        for (Installation installation : Installation.values()) {
            houses.add(House.example(number, installation));
        }
        int batch = houses.size();
        try (Stream stream = Stream.open(device);
                TensorArena arena = TensorArena.open(device)) {
            Tensor out = arena.allocate(DType.FP64, LOOP.dimension(), batch);
            Tensor saved = arena.allocate(DType.FP64, seconds.length, LOOP.dimension(), batch);
            roles(arena, houses).savePoints(seconds).saved(saved).out(out).run(stream);
            double[] states = saved.toDoubleArray();
            double[][] temperatures = new double[batch][seconds.length];
            for (int i = 0; i < batch; i++) {
                for (int j = 0; j < seconds.length; j++) {
                    temperatures[i][j] = states[(j * LOOP.dimension() + LOOP.tap()) * batch + i];
                }
            }
            return temperatures;
        }
    }
}
