package io.quern.bench.measure;

/**
 * Somebody else's loop over the same memory, run in turn with ours.
 *
 * @param name what the report calls it
 * @param call runs it once
 */
public record Peer(String name, Runnable call) {
    /** {@return whether it can be run here: loops in C need a compiler, libraries are on the class path} */
    static boolean available(String name) {
        return !name.startsWith("C ") || StreamPeer.available();
    }
}
