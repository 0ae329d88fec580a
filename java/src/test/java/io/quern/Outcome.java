package io.quern;

import java.util.Arrays;

/**
 * What came of a case.
 *
 * @param error the largest error found; NaN where the case has none
 * @param bound what it may be; NaN where the case has none
 * @param passed whether the case holds
 * @param message what a reader of a failure needs; may be empty
 */
public record Outcome(double error, double bound, boolean passed, String message) {
    /** {@return passed if the error is within the bound; a NaN error fails} */
    public static Outcome within(double error, double bound, String message) {
        return new Outcome(error, bound, error <= bound, message);
    }

    /** {@return passed} */
    public static Outcome passed(String message) {
        return new Outcome(Double.NaN, Double.NaN, true, message);
    }

    /** {@return failed} */
    public static Outcome failed(String message) {
        return new Outcome(Double.NaN, Double.NaN, false, message);
    }

    /** {@return passed if the condition holds} */
    public static Outcome that(boolean holds, String message) {
        return new Outcome(Double.NaN, Double.NaN, holds, message);
    }

    /** {@return the share of the bound that the error uses; 0 for an exact result under a bound of 0} */
    public double share() {
        return error == 0 ? 0 : error / bound;
    }

    /** {@return whether two tensors hold the same bits, NaN payloads aside; the error counts the elements that differ} */
    public static Outcome sameBits(Tensor expected, Tensor actual) {
        return sameBits(expected.toDoubleArray(), actual.toDoubleArray());
    }

    /** {@return whether two arrays hold the same bits, NaN payloads aside; the error counts the elements that differ} */
    public static Outcome sameBits(double[] expected, double[] actual) {
        if (expected.length != actual.length) {
            return failed(expected.length + " elements expected, " + actual.length + " found");
        }
        int differing = 0;
        int first = -1;
        for (int i = 0; i < expected.length; i++) {
            if (Double.doubleToLongBits(expected[i]) != Double.doubleToLongBits(actual[i])) {
                differing++;
                first = first < 0 ? i : first;
            }
        }
        String message = differing == 0
                ? "bit-identical"
                : differing
                        + " of "
                        + expected.length
                        + " elements differ; first ["
                        + first
                        + "]: expected "
                        + expected[first]
                        + ", is "
                        + actual[first];
        return within(differing, 0, message);
    }

    /**
     * {@return passed if an action is refused with an exception of that class whose message has all these parts}
     *
     * @param parts the name of the tensor, what was expected, what is
     */
    public static Outcome refusal(Class<? extends Throwable> expected, Action action, String... parts) {
        try {
            action.run();
        } catch (Throwable thrown) {
            String message = String.valueOf(thrown.getMessage());
            if (!expected.isInstance(thrown)) {
                return failed("refused with " + thrown + ", not " + expected.getSimpleName());
            }
            boolean clear = Arrays.stream(parts).allMatch(message::contains);
            return that(clear, clear ? message : "the message lacks one of " + Arrays.toString(parts) + ": " + message);
        }
        return failed("not refused");
    }

    /** {@return the first that failed, or if neither did the one that uses more of its bound} */
    public Outcome and(Outcome other) {
        if (!passed || !other.passed) {
            return passed ? other : this;
        }
        return share() > other.share() || Double.isNaN(other.share()) ? this : other;
    }

    /** What is to be refused. */
    @FunctionalInterface
    public interface Action {
        /** @throws Exception the refusal */
        void run() throws Exception;
    }
}
