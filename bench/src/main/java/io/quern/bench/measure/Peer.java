package io.quern.bench.measure;

/**
 * Somebody else's loop over the same memory, run in turn with ours.
 *
 * @param name what the report calls it
 * @param call runs it once
 */
public record Peer(String name, Runnable call) {
    /** What the report calls PyTorch, which is here only if the build's profile {@code pytorch} put it on the class path. */
    public static final String PYTORCH = "PyTorch";

    /** What the report calls OpenBLAS, which comes with PyTorch. */
    public static final String OPENBLAS = "OpenBLAS";

    private static final boolean HAS_PYTORCH = Peer.class.getResource("/org/bytedeco/pytorch/Tensor.class") != null;

    /** {@return whether it can be run here: loops in C need a compiler, libraries the class path} */
    public static boolean available(String name) {
        return name.equals(PYTORCH) || name.equals(OPENBLAS)
                ? HAS_PYTORCH
                : !name.startsWith("C ") || StreamPeer.available();
    }
}
