package io.quern.bench.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.Device;
import java.awt.image.BufferedImage;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LorenzTest {
    /** Of a device without ceilings; the picture's halves are as bright as each other, for the equations are symmetric. */
    @Test
    void theAttractorIsDrawn(@TempDir Path folder) throws Exception {
        Path png = folder.resolve("lorenz.png");
        StringWriter text = new StringWriter();
        new Lorenz(Device.reference(), 500).run(png, new PrintWriter(text));
        assertTrue(text.toString().contains("billion steps a second"), text::toString);
        BufferedImage image = ImageIO.read(png.toFile());
        long left = 0;
        long right = 0;
        int middle = 80 + 1320 / 2;
        for (int across = 0; across < 600; across++) {
            for (int down = 100; down < 900; down++) {
                left += image.getRGB(middle - 1 - across, down) >> 16 & 255;
                right += image.getRGB(middle + across, down) >> 16 & 255;
            }
        }
        assertEquals(1, (double) left / right, 0.05);
    }

    @Test
    void pointsAreCountedWhereTheyAre() {
        Density density = new Density(0, 2, 0, 2);
        density.count(new float[] {0.001f, 0.001f, 1.999f, 3, 1}, new float[] {1.999f, 1.999f, 0.001f, 1, -1});
        assertEquals(2, density.at(0, 0), "above, left");
        assertEquals(1, density.at(1319, 899), "below, right");
    }
}
