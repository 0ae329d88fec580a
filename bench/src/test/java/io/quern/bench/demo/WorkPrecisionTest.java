package io.quern.bench.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.bench.demo.WorkPrecision.Curve;
import io.quern.bench.demo.WorkPrecision.Point;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkPrecisionTest {
    @Test
    void methodsAreComparedAtOneError(@TempDir Path folder) throws Exception {
        Path png = folder.resolve("work-precision.png");
        StringWriter text = new StringWriter();
        new WorkPrecision(9, Duration.ZERO, 1e-4, 1e-6, 1e-8).run(png, new PrintWriter(text));
        assertTrue(text.toString().matches("(?s).*error 1.00e-03: .*, Hipparchus .* times as long.*"), text::toString);
        assertEquals(1000, ImageIO.read(png.toFile()).getWidth());
    }

    @Test
    void linesAreStraightOnLogarithms() {
        Curve curve = new Curve("", true, null, List.of(new Point(0, 0, 1, 1e-2), new Point(0, 0, 100, 1e-4)));
        assertEquals(10, curve.at(1e-3, Point::seconds).orElseThrow(), 1e-12);
        assertEquals(Optional.empty(), curve.at(1e-5, Point::seconds));
    }

    @Test
    void whatIsOutOfRangeIsRefused() {
        String orbits = assertThrows(IllegalArgumentException.class, () -> new WorkPrecision(0, 1e-3))
                .getMessage();
        assertEquals("--orbits must be 1..100000, but is 0", orbits);
        assertThrows(IllegalArgumentException.class, () -> new WorkPrecision(1, Double.NaN));
    }
}
