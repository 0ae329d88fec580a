package io.quern.bench.measure;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Some iterations in a row for one subject. A list of visits, written as text, tells a fork what to run when: one visit for
 * a fork of its own, many in random order for a mixed run.
 *
 * @param iterations how many
 * @param subject the id of the subject
 * @param paired whether every second iteration runs the subject's peer: A B A B, on the same memory
 */
public record Visit(int iterations, String subject, boolean paired) {
    private static final String BETWEEN = " ";
    private static final String PAIRED = "&";

    /** {@return the visits as one parameter} */
    public static String write(List<Visit> visits) {
        return visits.stream()
                .map(visit -> visit.iterations + (visit.paired ? PAIRED : "*") + visit.subject)
                .collect(Collectors.joining(BETWEEN));
    }

    /** {@return the visits that {@link #write} wrote} */
    public static List<Visit> read(String text) {
        return Arrays.stream(text.split(BETWEEN)).map(Visit::readOne).toList();
    }

    private static Visit readOne(String text) {
        int digits = 0;
        while (Character.isDigit(text.charAt(digits))) {
            digits++;
        }
        boolean paired = text.startsWith(PAIRED, digits);
        return new Visit(Integer.parseInt(text.substring(0, digits)), text.substring(digits + 1), paired);
    }
}
