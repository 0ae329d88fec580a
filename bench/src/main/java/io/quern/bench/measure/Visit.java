package io.quern.bench.measure;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.net.URLDecoder;
import java.net.URLEncoder;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Some iterations in a row for one subject. A list of visits, written as text, tells a fork what to run when: one visit for
 * a fork of its own, many in random order for a mixed run.
 *
 * @param iterations how many
 * @param subject the id of the subject
 * @param peer which of the subject's peers every second iteration runs, A B A B, on the same memory; or null
 */
public record Visit(int iterations, String subject, String peer) {
    private static final String BETWEEN = " ";
    private static final String ALONE = "*";
    private static final String PAIRED = "&";
    private static final String PEER_ENDS = "@";

    /** {@return the visits as one parameter} */
    public static String write(List<Visit> visits) {
        return visits.stream()
                .map(visit -> visit.iterations + visit.mark() + visit.subject)
                .collect(Collectors.joining(BETWEEN));
    }

    private String mark() {
        return peer == null ? ALONE : PAIRED + URLEncoder.encode(peer, UTF_8) + PEER_ENDS;
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
        int iterations = Integer.parseInt(text.substring(0, digits));
        String rest = text.substring(digits + 1);
        if (text.startsWith(ALONE, digits)) {
            return new Visit(iterations, rest, null);
        }
        int ends = rest.indexOf(PEER_ENDS);
        return new Visit(iterations, rest.substring(ends + 1), URLDecoder.decode(rest.substring(0, ends), UTF_8));
    }
}
