package io.quern.bench.measure;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;

/** Times subjects, each in a fork of its own or all in one. */
public final class Measurement {
    /** In a mixed run a subject comes back this often; a single visit could sit in one noisy second. */
    private static final int MIXED_VISITS = 2;

    private final Ceilings ceilings;
    private final Pace pace;
    private final long l2Bytes;

    /**
     * Prepares to measure.
     *
     * @param ceilings the limits against which results are held
     * @param l2Bytes the size of a core's second-level cache
     */
    public Measurement(Ceilings ceilings, Pace pace, long l2Bytes) {
        this.ceilings = ceilings;
        this.pace = pace;
        this.l2Bytes = l2Bytes;
    }

    /** Times a subject on the CPU in a fork of its own; in as many as it has peers here, with each in turn. */
    public List<Result> alone(Subject subject, int threads) {
        List<String> peers = subject.peers().stream().filter(Peer::available).toList();
        return peers.isEmpty()
                ? List.of(alone(subject, threads, null))
                : peers.stream().map(peer -> alone(subject, threads, peer)).toList();
    }

    private Result alone(Subject subject, int threads, String peer) {
        int turns = peer == null ? 1 : 2;
        int warmups = pace.warmups() * turns;
        int iterations = pace.iterations() * turns;
        List<Visit> visits = List.of(new Visit(warmups + iterations, subject.id(), peer));
        double[] seconds = Forks.time(visits, warmups, iterations, pace, "cpu", threads);
        if (peer == null) {
            return result(subject, threads, Sample.of(seconds), null, null);
        }
        double[] ours = everySecond(seconds, 0);
        double[] theirs = everySecond(seconds, 1);
        return result(subject, threads, Sample.of(ours), peer, ratios(theirs, ours));
    }

    /**
     * Times subjects in one JVM of all, in turn with their own forks. A kernel is not compiled to the same code in every
     * JVM, and a shared machine is not equally fast at all times: so this is done several times, and what counts is what a
     * round's own forks took against what that round's JVM of all took.
     *
     * @param alone what the same subjects took in their own forks, at the same thread count: the first round's
     * @param rounds how often
     * @return results whose peer is the own fork; a ratio for each round
     */
    public List<Result> mixed(List<Result> alone, int threads, long seed, int rounds) {
        List<Subject> subjects = alone.stream().map(Result::subject).toList();
        Random random = new Random(seed);
        double[][] ratios = new double[subjects.size()][rounds];
        double[][] together = new double[subjects.size()][0];
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < ratios.length; i++) {
                Sample own = round == 0 ? alone.get(i).sample() : Sample.of(own(subjects.get(i), threads));
                ratios[i][round] = own.median();
            }
            double[][] seconds = together(subjects, threads, random);
            for (int i = 0; i < ratios.length; i++) {
                ratios[i][round] /= Sample.of(seconds[i]).median();
                together[i] = concatenated(together[i], seconds[i]);
            }
        }
        return IntStream.range(0, subjects.size())
                .mapToObj(
                        i -> result(subjects.get(i), threads, Sample.of(together[i]), "own fork", Sample.of(ratios[i])))
                .toList();
    }

    private double[] own(Subject subject, int threads) {
        List<Visit> visits = List.of(new Visit(pace.warmups() + pace.iterations(), subject.id(), null));
        return Forks.time(visits, pace.warmups(), pace.iterations(), pace, "cpu", threads);
    }

    /** First all in random order until they are compiled with each other's profiles, then again in other random orders. */
    private double[][] together(List<Subject> subjects, int threads, Random random) {
        List<Visit> visits = new ArrayList<>(inRandomOrder(subjects, pace.warmups(), random));
        int perVisit = Math.ceilDiv(pace.iterations(), MIXED_VISITS);
        for (int i = 0; i < MIXED_VISITS; i++) {
            visits.addAll(inRandomOrder(subjects, perVisit, random));
        }
        int warmups = subjects.size() * pace.warmups();
        int iterations = subjects.size() * perVisit * MIXED_VISITS;
        double[] seconds = Forks.time(visits, warmups, iterations, pace, "cpu", threads);
        List<Visit> timed = visits.subList(subjects.size(), visits.size());
        return subjects.stream()
                .map(subject -> secondsOf(subject, timed, perVisit, seconds))
                .toArray(double[][]::new);
    }

    private static List<Visit> inRandomOrder(List<Subject> subjects, int iterations, Random random) {
        List<Subject> shuffled = new ArrayList<>(subjects);
        Collections.shuffle(shuffled, random);
        return shuffled.stream()
                .map(subject -> new Visit(iterations, subject.id(), null))
                .toList();
    }

    private static double[] secondsOf(Subject subject, List<Visit> timed, int perVisit, double[] seconds) {
        return IntStream.range(0, seconds.length)
                .filter(i -> timed.get(i / perVisit).subject().equals(subject.id()))
                .mapToDouble(i -> seconds[i])
                .toArray();
    }

    private Result result(Subject subject, int threads, Sample sample, String peer, Sample ratios) {
        return new Result(subject, "cpu", threads, sample, ceilings.floor(subject, threads, l2Bytes), peer, ratios);
    }

    private static double[] everySecond(double[] values, int from) {
        return IntStream.range(0, values.length / 2)
                .mapToDouble(i -> values[2 * i + from])
                .toArray();
    }

    /** {@return a/b, neighbour by neighbour: what disturbs one turn usually disturbs the next} */
    private static Sample ratios(double[] a, double[] b) {
        double[] ratios = new double[a.length];
        Arrays.setAll(ratios, i -> a[i] / b[i]);
        return Sample.of(ratios);
    }

    private static double[] concatenated(double[] a, double[] b) {
        return DoubleStream.concat(Arrays.stream(a), Arrays.stream(b)).toArray();
    }
}
