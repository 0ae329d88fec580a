package io.quern.bench.demo;

import java.awt.BasicStroke;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.RenderingHints;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Images and what was guessed of them from their upper left quarters, a row an image, with errors below the guesses. */
final class HeatPicture {
    private static final int SCALE = 13; // of a pixel
    private static final int GAP = 44; // between images; room for a number
    private static final int HEAD = 90;
    private static final Color PAPER = Color.WHITE;
    private static final Color HIDDEN = new Color(0xd8, 0xd8, 0xd8);

    private record Column(String name, List<float[]> images, boolean guess) {}

    private final int side;
    private final int half;
    private final List<float[]> truth;
    private final List<Column> columns = new ArrayList<>();

    /**
     * Of true images: they, and what is given of them, are the first two columns.
     *
     * @param side pixels along an axis
     */
    HeatPicture(int side, List<float[]> truth) {
        this.side = side;
        this.half = side / 2;
        this.truth = truth;
        columns.add(new Column("digit", truth, false));
        columns.add(new Column("given", truth.stream().map(this::given).toList(), false));
    }

    /** Adds a column of guesses. */
    void guess(String name, List<float[]> images) {
        columns.add(new Column(name, images, true));
    }

    /** Writes it as PNG. */
    void write(Path file) throws IOException {
        int cell = side * SCALE + GAP;
        BufferedImage image =
                new BufferedImage(columns.size() * cell + GAP, HEAD + truth.size() * cell, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setRenderingHint(RenderingHints.KEY_TEXT_ANTIALIASING, RenderingHints.VALUE_TEXT_ANTIALIAS_ON);
        graphics.setColor(PAPER);
        graphics.fillRect(0, 0, image.getWidth(), image.getHeight());
        graphics.setColor(Charts.INK);
        graphics.setFont(new Font(Font.SANS_SERIF, Font.BOLD, 18));
        graphics.drawString("Digits extrapolated from one quarter by (I + A) z and (I + B) z", GAP, 36);
        graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 14));
        for (int column = 0; column < columns.size(); column++) {
            Column of = columns.get(column);
            int left = GAP + column * cell;
            graphics.setColor(Charts.INK);
            graphics.drawString(of.name(), left, HEAD - 12);
            for (int row = 0; row < truth.size(); row++) {
                int top = HEAD + row * cell;
                draw(graphics, of.images().get(row), left, top);
                if (of.guess()) {
                    graphics.setColor(Charts.INK);
                    graphics.drawString(
                            String.format(Locale.ROOT, "%.3f", error(of.images().get(row), truth.get(row))),
                            left,
                            top + side * SCALE + 18);
                }
            }
        }
        graphics.dispose();
        Charts.write(file, image);
    }

    /** NaN where nothing is given. */
    private float[] given(float[] image) {
        float[] part = image.clone();
        for (int i = 0; i < part.length; i++) {
            part[i] = isGiven(i) ? part[i] : Float.NaN;
        }
        return part;
    }

    private boolean isGiven(int pixel) {
        return pixel / side < half && pixel % side < half;
    }

    private void draw(Graphics2D graphics, float[] image, int left, int top) {
        for (int i = 0; i < image.length; i++) {
            float paper = 1 - Math.clamp(image[i], 0, 1);
            graphics.setColor(Float.isNaN(image[i]) ? HIDDEN : new Color(paper, paper, paper));
            graphics.fillRect(left + i % side * SCALE, top + i / side * SCALE, SCALE, SCALE);
        }
        graphics.setColor(HIDDEN);
        graphics.drawRect(left - 1, top - 1, side * SCALE + 1, side * SCALE + 1);
        graphics.setColor(Charts.ORANGE);
        graphics.setStroke(new BasicStroke(1));
        graphics.drawRect(left - 1, top - 1, half * SCALE + 1, half * SCALE + 1);
    }

    /** The root mean square of what was not given. */
    private double error(float[] guess, float[] image) {
        double squares = 0;
        int count = 0;
        for (int i = 0; i < image.length; i++) {
            if (!isGiven(i)) {
                double difference = guess[i] - image[i];
                squares += difference * difference;
                count++;
            }
        }
        return Math.sqrt(squares / count);
    }
}
