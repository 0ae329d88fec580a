package io.quern.bench.measure;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
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

    /** Times a subject on the CPU in a fork of its own; in turn with its peer, where there is one. */
    public Result alone(Subject subject, int threads) {
        boolean paired = subject.peer() != null && StreamPeer.available();
        int turns = paired ? 2 : 1;
        int warmups = pace.warmups() * turns;
        int iterations = pace.iterations() * turns;
        List<Visit> visits = List.of(new Visit(warmups + iterations, subject.id(), paired));
        double[] seconds = Forks.time(visits, warmups, iterations, pace, "cpu", threads);
        if (!paired) {
            return result(subject, threads, Sample.of(seconds), null, Double.NaN);
        }
        double[] ours = everySecond(seconds, 0);
        double[] theirs = everySecond(seconds, 1);
        return result(subject, threads, Sample.of(ours), subject.peer(), medianRatio(theirs, ours));
    }

    /**
     * Times subjects in one JVM: first all of them in random order until they are compiled with each other's profiles,
     * then again in other random orders.
     *
     * @param alone what the same subjects took in their own forks, at the same thread count
     * @return results whose peer is the own fork
     */
    public List<Result> mixed(List<Result> alone, int threads, long seed) {
        List<Subject> subjects = alone.stream().map(Result::subject).toList();
        Random random = new Random(seed);
        List<Visit> visits = new ArrayList<>(round(subjects, pace.warmups(), random));
        int perVisit = Math.ceilDiv(pace.iterations(), MIXED_VISITS);
        for (int i = 0; i < MIXED_VISITS; i++) {
            visits.addAll(round(subjects, perVisit, random));
        }
        int warmups = subjects.size() * pace.warmups();
        int iterations = subjects.size() * perVisit * MIXED_VISITS;
        double[] seconds = Forks.time(visits, warmups, iterations, pace, "cpu", threads);
        List<Visit> timed = visits.subList(subjects.size(), visits.size());
        return alone.stream()
                .map(own -> result(own, threads, secondsOf(own.subject(), timed, perVisit, seconds)))
                .toList();
    }

    private static List<Visit> round(List<Subject> subjects, int iterations, Random random) {
        List<Subject> shuffled = new ArrayList<>(subjects);
        Collections.shuffle(shuffled, random);
        return shuffled.stream()
                .map(subject -> new Visit(iterations, subject.id(), false))
                .toList();
    }

    private static double[] secondsOf(Subject subject, List<Visit> timed, int perVisit, double[] seconds) {
        return IntStream.range(0, seconds.length)
                .filter(i -> timed.get(i / perVisit).subject().equals(subject.id()))
                .mapToDouble(i -> seconds[i])
                .toArray();
    }

    private Result result(Result own, int threads, double[] seconds) {
        Sample sample = Sample.of(seconds);
        double ratio = own.sample().median() / sample.median();
        return result(own.subject(), threads, sample, "own fork", ratio);
    }

    private Result result(Subject subject, int threads, Sample sample, String peer, double ratio) {
        return new Result(subject, "cpu", threads, sample, ceilings.floor(subject, threads, l2Bytes), peer, ratio);
    }

    private static double[] everySecond(double[] values, int from) {
        return IntStream.range(0, values.length / 2)
                .mapToDouble(i -> values[2 * i + from])
                .toArray();
    }

    /** {@return the median of a/b, neighbour by neighbour: what disturbs one turn usually disturbs the next} */
    private static double medianRatio(double[] a, double[] b) {
        double[] ratios = new double[a.length];
        Arrays.setAll(ratios, i -> a[i] / b[i]);
        return Sample.of(ratios).median();
    }
}
