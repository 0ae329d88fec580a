package io.quern.bench.measure;

/** A result that differs from its oracle: such a kernel is not timed. */
public final class Disagreement extends RuntimeException {
    private static final long serialVersionUID = 1;

    /** Says what was expected and what came. */
    public Disagreement(String message) {
        super(message);
    }
}
