package io.quern.bench.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.Device;
import io.quern.bench.demo.HotWaterDay.Outcome;
import io.quern.bench.demo.House.Installation;
import io.quern.ode.HotWaterLoop;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToDoubleFunction;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HotWaterTest {
    @Test
    void pumpsTradeWaitingAndWaterForHeat(@TempDir Path folder) throws Exception {
        int houses = 120; // some 30 of each installation, whose means differ by more than so few leave open
        int[] blocks = {0};
        HotWaterDay day = new HotWaterDay();
        List<Outcome> outcomes = day.run(Device.cpu(), houses, done -> blocks[0] += done);
        assertEquals(houses, outcomes.size());
        assertEquals(houses, blocks[0]);
        double none = mean(outcomes, Installation.NO_PUMP, Outcome::waited);
        assertTrue(mean(outcomes, Installation.BUTTON, Outcome::waited) < none);
        assertTrue(mean(outcomes, Installation.TIMER, Outcome::waited) < none);
        assertTrue(mean(outcomes, Installation.THERMOSTAT, Outcome::waited) < 1);
        double pipes = mean(outcomes, Installation.NO_PUMP, Outcome::lost);
        assertTrue(mean(outcomes, Installation.THERMOSTAT, Outcome::lost) > 2 * pipes);
        assertEquals(0, mean(outcomes, Installation.NO_PUMP, Outcome::pumped));
        assertTrue(mean(outcomes, Installation.BUTTON, Outcome::wasted)
                < mean(outcomes, Installation.NO_PUMP, Outcome::wasted) / 2);
        for (Outcome outcome : outcomes) {
            // Each step may round the counts of heat and of time, which are of the size of the day's, once.
            assertTrue(outcome.heatImbalance() <= outcome.steps() * 0x1p-53, outcome::toString);
            assertTrue(outcome.waterImbalance() <= outcome.steps() * 0x1p-53 * House.DAY / 60, outcome::toString);
        }
        double[] noon = {12 * 3600};
        double[][] tap = day.tapOf(Device.cpu(), 3, noon);
        double on = House.example(3, Installation.THERMOSTAT).parameters()[HotWaterLoop.ON];
        assertTrue(
                tap[Installation.THERMOSTAT.ordinal()][0] >= on - 0.1,
                "a thermostat keeps the tap warm, but it has " + tap[Installation.THERMOSTAT.ordinal()][0]);
        Path png = folder.resolve("new/installations.png");
        HotWaterCharts.writeInstallations(png, outcomes);
        assertEquals(Charts.WIDTH, ImageIO.read(png.toFile()).getWidth());
    }

    private static double mean(List<Outcome> outcomes, Installation installation, ToDoubleFunction<Outcome> number) {
        return outcomes.stream()
                .filter(outcome -> outcome.house().installation() == installation)
                .mapToDouble(number)
                .average()
                .orElseThrow();
    }

    @Test
    void aHouseIsDrawnByItsNumberAlone() {
        House house = House.of(7);
        House.of(8);
        assertEquals(house.length(), House.of(7).length());
        assertArrayEquals(house.parameters(), House.of(7).parameters());
        assertNotEquals(house.length(), House.of(8).length());
        for (int i = 0; i < 1000; i++) {
            double[] p = House.of(i).parameters();
            assertTrue(p[HotWaterLoop.OFF] < p[HotWaterLoop.SETPOINT], "the pump can stop");
            assertTrue(p[HotWaterLoop.COLD] + p[HotWaterLoop.TAP_LIFT] > p[HotWaterLoop.USE], "a shower is possible");
            for (int draw = HotWaterLoop.DRAWS + 1; draw < p.length; draw++) {
                assertTrue(p[draw - 1] < p[draw], "draws ascend");
            }
        }
    }

    @Test
    void theWholeDemonstrationSaysThatAllIsWell(@TempDir Path folder) throws Exception {
        StringWriter text = new StringWriter();
        assertTrue(new HotWater(Device.cpu(), 12).run(folder, new PrintWriter(text)), text::toString);
        assertEquals(
                5,
                text.toString().lines().filter(line -> line.contains("  ok  ")).count(),
                text::toString);
        for (String picture : List.of("day.png", "installations.png", "lengths.png")) {
            assertTrue(ImageIO.read(folder.resolve(picture).toFile()).getHeight() > 500, picture);
        }
    }
}
