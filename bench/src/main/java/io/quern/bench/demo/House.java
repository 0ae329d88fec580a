package io.quern.bench.demo;

import io.quern.cpu.Philox;
import io.quern.ode.HotWaterLoop;
import io.quern.ode.HotWaterLoop.Strategy;
import java.util.Arrays;

/**
 * A house of the hot-water demonstration (kexue.fm 9405): its pipes, its heater, its people and their day.
 *
 * @param installation how hot water is brought to the tap
 * @param pipe what the hot-water pipe is
 * @param length of it, m
 * @param tapFlow what people draw, l/min
 * @param pumpFlow what the pump moves, l/min
 * @param parameters as {@link HotWaterLoop} has them
 */
record House(
        Installation installation, Pipe pipe, double length, double tapFlow, double pumpFlow, double[] parameters) {
    /** Cells of the supply pipe: its front is smeared over a third of the pipe. */
    static final HotWaterLoop LOOP = new HotWaterLoop(8, 20);

    static final double DAY = 24 * 3600;

    private static final double HOUR = 3600;
    private static final double KILOWATT_HOUR = 3.6e6; // J
    private static final double WATER = 988 * 4180 * 1e-3; // J/(l K)
    private static final double USE = 37; // degrees: a shower
    private static final double HYSTERESIS = 6;
    private static final long SEED = 9405;
    private static final int SAMPLERS = 3; // the stream of Philox

    /** How hot water is brought to the tap. */
    enum Installation {
        NO_PUMP("no pump", Strategy.NO_PUMP),
        TIMER("timer", Strategy.TIMER),
        THERMOSTAT("thermostat", Strategy.THERMOSTAT),
        BUTTON("button", Strategy.BUTTON);

        private final String title;
        private final Strategy strategy;

        Installation(String title, Strategy strategy) {
            this.title = title;
            this.strategy = strategy;
        }

        String title() {
            return title;
        }
    }

    /** Polypropylene pipes, bare or in 9 mm of foam. */
    enum Pipe {
        DN25(0.671, 36),
        DN25_INSULATED(0.292, 83),
        DN20(0.553, 28);

        private final double loss; // W/(m K)
        private final double capacity; // of pipe and water, J/(m K)

        Pipe(double loss, double minutes) {
            this.loss = loss;
            this.capacity = loss * minutes * 60;
        }
    }

    /** Numbers of one house; each is drawn anew by its own number, whatever else is drawn. */
    private record Dice(int house) {
        double next(int quantity, double from, double to) {
            return from + (to - from) * Philox.uniform(SEED, house, 0, quantity >> 2, SAMPLERS, quantity & 3);
        }

        <E extends Enum<E>> E next(int quantity, Class<E> of) {
            E[] all = of.getEnumConstants();
            return all[(int) next(quantity, 0, all.length)];
        }
    }

    /** {@return the house of a number: the same whenever it is asked for} */
    static House of(int number) {
        Dice dice = new Dice(number);
        return of(dice, dice.next(0, Installation.class), dice.next(1, Pipe.class), dice.next(2, 5, 40));
    }

    /** {@return a house that differs from others of that number in its installation only} */
    static House example(int number, Installation installation) {
        return of(new Dice(number), installation, Pipe.DN25, 20);
    }

    private static House of(Dice dice, Installation installation, Pipe pipe, double length) {
        double pumpFlow = dice.next(4, 3, 8);
        double setpoint = dice.next(5, 45, 60);
        double ambient = dice.next(6, 5, 30);
        double cold = dice.next(7, 6, 16);
        double power = dice.next(8, 22e3, 32e3); // W
        // Nobody opens the tap further than the heater can follow.
        double tapFlow = Math.min(dice.next(3, 5, 10), 60 * power / (WATER * (USE + 8 - cold)));
        double[] p = new double[LOOP.parameters()];
        double cell = pipe.capacity * length / LOOP.cells(); // J/K
        p[HotWaterLoop.TAP_RATE] = tapFlow / 60 * WATER / cell;
        p[HotWaterLoop.PUMP_RATE] = pumpFlow / 60 * WATER / cell;
        p[HotWaterLoop.COOLING] = pipe.loss / pipe.capacity;
        p[HotWaterLoop.AMBIENT] = ambient;
        p[HotWaterLoop.COLD] = cold;
        p[HotWaterLoop.SETPOINT] = setpoint;
        p[HotWaterLoop.TAP_LIFT] = 60 * power / (WATER * tapFlow);
        p[HotWaterLoop.PUMP_LIFT] = 60 * power / (WATER * pumpFlow);
        p[HotWaterLoop.IGNITION] = dice.next(10, 2, 6);
        p[HotWaterLoop.USE] = USE;
        // The pump must be able to reach the temperature at which it stops.
        p[HotWaterLoop.OFF] = Math.min(USE + HYSTERESIS, warmest(p) - 1);
        p[HotWaterLoop.ON] = p[HotWaterLoop.OFF] - HYSTERESIS;
        p[HotWaterLoop.STRATEGY] = installation.strategy.ordinal();
        p[HotWaterLoop.LEAD] = dice.next(11, 30, 240);
        p[HotWaterLoop.DURATION] = dice.next(12, 60, 300);
        int draws = (int) dice.next(13, 4, 21);
        for (int i = 0; i < LOOP.draws(); i++) {
            p[HotWaterLoop.DRAWS + i] = i < draws ? time(dice, 16 + 2 * i) : HotWaterLoop.NEVER + i;
        }
        Arrays.sort(p, HotWaterLoop.DRAWS, p.length);
        return new House(installation, pipe, length, tapFlow, pumpFlow, p);
    }

    /** {@return what the tap would come to if the pump ran on: of n cells each loses its share} */
    private static double warmest(double[] p) {
        double kept = p[HotWaterLoop.PUMP_RATE] / (p[HotWaterLoop.PUMP_RATE] + p[HotWaterLoop.COOLING]);
        return p[HotWaterLoop.AMBIENT]
                + (p[HotWaterLoop.SETPOINT] - p[HotWaterLoop.AMBIENT]) * Math.pow(kept, LOOP.cells());
    }

    /** {@return when water is drawn: a third in the morning, almost half in the evening} */
    private static double time(Dice dice, int quantity) {
        double part = dice.next(quantity, 0, 1);
        double from = part < 0.35 ? 6 : part < 0.55 ? 9 : 17;
        double to = part < 0.35 ? 9 : part < 0.55 ? 17 : 23;
        return HOUR * dice.next(quantity + 1, from, to);
    }

    /** {@return heat as the loop counts it, in kWh} */
    double kilowattHours(double heat) {
        return heat * pipe.capacity * length / LOOP.cells() / KILOWATT_HOUR;
    }

    /** {@return what ran away at the tap until it was warm, litres} */
    double wasted(double waited) {
        return waited * tapFlow / 60;
    }
}
