package io.quern.bench.demo;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;

/** Images of digits, ten in a row, as one picture: ink on paper. */
final class DigitGrid {
    private static final int ACROSS = 10;
    private static final int SIDE = 8; // pixels of an image
    private static final int SCALE = 8;
    private static final int GAP = 8;
    private static final int CELL = SIDE * SCALE + GAP;

    private DigitGrid() {}

    static void write(Path file, float[] pixels, int count) throws IOException {
        int down = Math.ceilDiv(count, ACROSS);
        BufferedImage image = new BufferedImage(ACROSS * CELL + GAP, down * CELL + GAP, BufferedImage.TYPE_BYTE_GRAY);
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                image.getRaster().setSample(x, y, 0, shade(pixels, count, x - GAP, y - GAP));
            }
        }
        Charts.write(file, image);
    }

    private static int shade(float[] pixels, int count, int x, int y) {
        int cell = Math.floorDiv(y, CELL) * ACROSS + Math.floorDiv(x, CELL);
        int row = Math.floorMod(y, CELL) / SCALE;
        int column = Math.floorMod(x, CELL) / SCALE;
        if (x < 0 || y < 0 || x >= ACROSS * CELL || cell >= count || row >= SIDE || column >= SIDE) {
            return 0xd8; // between images
        }
        float ink = pixels[cell * SIDE * SIDE + row * SIDE + column];
        return Math.round(255 * (1 - Math.clamp(ink, 0, 1)));
    }
}
