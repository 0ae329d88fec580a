package io.quern.bench.measure;

/** A forked JVM that died or could not run its benchmark; the message is the first cause that it wrote. */
public final class ForkFailedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    ForkFailedException(String message, Throwable cause) {
        super(message, cause);
    }
}
