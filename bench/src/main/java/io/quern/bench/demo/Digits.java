package io.quern.bench.demo;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPInputStream;

/**
 * Handwritten digits: the test part of the UCI data set "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak;
 * CC BY 4.0).
 *
 * @param pixels of each image, 0 to 1, row by row
 * @param labels of each image, 0 to 9
 */
public record Digits(float[][] pixels, int[] labels) {
    /** Pixels of an image. */
    public static final int PIXELS = 64;

    /** Different digits. */
    public static final int CLASSES = 10;

    private static final float BRIGHTEST = 16;

    /** {@return all 1,797 of them, in the order of the data set} */
    public static Digits load() {
        List<float[]> images = new ArrayList<>();
        List<Integer> labels = new ArrayList<>();
        try (InputStream packed = Digits.class.getResourceAsStream("digits.csv.gz");
                BufferedReader lines = new BufferedReader(
                        new InputStreamReader(new GZIPInputStream(packed), StandardCharsets.US_ASCII))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] numbers = line.split(",");
                float[] image = new float[PIXELS];
                for (int i = 0; i < PIXELS; i++) {
                    image[i] = Integer.parseInt(numbers[i]) / BRIGHTEST;
                }
                images.add(image);
                labels.add(Integer.parseInt(numbers[PIXELS]));
            }
        } catch (IOException unreadable) {
            throw new UncheckedIOException(unreadable);
        }
        return of(images, labels);
    }

    /** {@return how many} */
    public int size() {
        return labels.length;
    }

    /** {@return the same images in an order that the seed decides} */
    public Digits shuffled(long seed) {
        List<Integer> order = new ArrayList<>();
        for (int i = 0; i < size(); i++) {
            order.add(i);
        }
        Collections.shuffle(order, new Random(seed));
        return of(
                order.stream().map(i -> pixels[i]).toList(),
                order.stream().map(i -> labels[i]).toList());
    }

    /** {@return the images from one index to another} */
    public Digits slice(int from, int to) {
        return new Digits(Arrays.copyOfRange(pixels, from, to), Arrays.copyOfRange(labels, from, to));
    }

    /** {@return those of some digits, from one to another, inclusive, in the same order} */
    public Digits between(int first, int last) {
        List<float[]> images = new ArrayList<>();
        List<Integer> kept = new ArrayList<>();
        for (int i = 0; i < size(); i++) {
            if (labels[i] >= first && labels[i] <= last) {
                images.add(pixels[i]);
                kept.add(labels[i]);
            }
        }
        return of(images, kept);
    }

    private static Digits of(List<float[]> images, List<Integer> labels) {
        return new Digits(
                images.toArray(float[][]::new),
                labels.stream().mapToInt(Integer::intValue).toArray());
    }
}
