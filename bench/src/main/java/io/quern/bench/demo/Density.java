package io.quern.bench.demo;

import io.quern.bench.report.Units;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;

/** How often points fall where in a rectangle of the plane, as a picture: brighter by the logarithm. */
final class Density {
    private static final int WIDTH = 1320;
    private static final int HEIGHT = 900;
    private static final int LEFT = 80;
    private static final int TOP = 60;
    private static final int RIGHT = 130; // room for the scale
    private static final int BOTTOM = 70;
    private static final Color PAPER = new Color(0x0b, 0x0b, 0x12);
    private static final Color INK = new Color(0xdd, 0xdd, 0xdd);

    /** From dark to bright, evenly brighter to the eye: after the colour map "inferno" of Smith and van der Walt. */
    private static final int[] SCALE = {
        0x000004, 0x1b0c41, 0x4a0c6b, 0x781c6d, 0xa52c60, 0xcf4446, 0xed6925, 0xfb9b06, 0xf7d13d, 0xfcffa4
    };

    private final double left;
    private final double right;
    private final double bottom;
    private final double top;
    private final int[] counts = new int[WIDTH * HEIGHT]; // rows from the top

    /** A rectangle. */
    Density(double left, double right, double bottom, double top) {
        this.left = left;
        this.right = right;
        this.bottom = bottom;
        this.top = top;
    }

    /** Counts points; those outside are left out. */
    void count(float[] x, float[] y) {
        float scaleX = (float) (WIDTH / (right - left));
        float scaleY = (float) (HEIGHT / (top - bottom));
        for (int i = 0; i < x.length; i++) {
            float across = (x[i] - (float) left) * scaleX;
            float down = ((float) top - y[i]) * scaleY;
            if (across >= 0 && across < WIDTH && down >= 0 && down < HEIGHT) {
                counts[(int) down * WIDTH + (int) across]++;
            }
        }
    }

    /** {@return how many points were counted at a pixel} */
    int at(int across, int down) {
        return counts[down * WIDTH + across];
    }

    /** Writes the picture with axes and a scale of colours, as PNG. */
    void write(Path file, String title, String nameX, String nameY) throws IOException {
        int most = 1;
        for (int count : counts) {
            most = Math.max(most, count);
        }
        BufferedImage image =
                new BufferedImage(LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setColor(PAPER);
        graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
        for (int down = 0; down < HEIGHT; down++) {
            for (int across = 0; across < WIDTH; across++) {
                int count = at(across, down);
                if (count > 0) {
                    image.setRGB(LEFT + across, TOP + down, color(Math.log1p(count) / Math.log1p(most)));
                }
            }
        }
        graphics.setColor(INK);
        graphics.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 20));
        graphics.drawString(title, LEFT, TOP - 22);
        graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 16));
        axes(graphics, nameX, nameY);
        scale(graphics, image, most);
        graphics.dispose();
        Charts.write(file, image);
    }

    private void axes(Graphics2D graphics, String nameX, String nameY) {
        for (double x = 10 * Math.ceil(left / 10); x <= right; x += 10) {
            int across = LEFT + (int) ((x - left) / (right - left) * (WIDTH - 1));
            graphics.drawLine(across, TOP + HEIGHT, across, TOP + HEIGHT + 6);
            centered(graphics, String.valueOf((int) x), across, TOP + HEIGHT + 26);
        }
        for (double y = 10 * Math.ceil(bottom / 10); y <= top; y += 10) {
            int down = TOP + (int) ((top - y) / (top - bottom) * (HEIGHT - 1));
            graphics.drawLine(LEFT - 6, down, LEFT, down);
            centered(graphics, String.valueOf((int) y), LEFT - 26, down + 6);
        }
        centered(graphics, nameX, LEFT + WIDTH / 2, TOP + HEIGHT + 52);
        centered(graphics, nameY, LEFT - 58, TOP + HEIGHT / 2);
    }

    private static void scale(Graphics2D graphics, BufferedImage image, int most) {
        int at = LEFT + WIDTH + 24;
        int length = HEIGHT / 2;
        for (int i = 0; i < length; i++) {
            for (int across = 0; across < 22; across++) {
                image.setRGB(at + across, TOP + length - 1 - i, color((double) i / (length - 1)));
            }
        }
        for (int count = 1; count <= most; count *= 10) {
            int down = TOP + length - 1 - (int) (Math.log1p(count) / Math.log1p(most) * (length - 1));
            graphics.drawLine(at + 22, down, at + 28, down);
            graphics.drawString(Units.count(count), at + 33, down + 6);
        }
        graphics.drawString("states", at, TOP + length + 30);
        graphics.drawString("a pixel", at, TOP + length + 50);
    }

    private static void centered(Graphics2D graphics, String text, int across, int down) {
        graphics.drawString(text, across - graphics.getFontMetrics().stringWidth(text) / 2, down);
    }

    /** {@return the colour of a share, 0 to 1} */
    private static int color(double share) {
        double place = Math.clamp(share, 0, 1) * (SCALE.length - 1);
        int below = Math.min((int) place, SCALE.length - 2);
        double part = place - below;
        int mixed = 0;
        for (int shift = 0; shift < 24; shift += 8) {
            int from = SCALE[below] >> shift & 255;
            int to = SCALE[below + 1] >> shift & 255;
            mixed |= (int) Math.round(from + part * (to - from)) << shift;
        }
        return mixed;
    }
}
