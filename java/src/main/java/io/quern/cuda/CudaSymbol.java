package io.quern.cuda;

import java.util.List;

/**
 * A kernel as its launcher declares it. A test compares every declaration with the {@code .entry} of the committed PTX, and
 * {@link CudaLaunch.Builder#build} compares the arguments with the declaration: the two together leave no way to pass a
 * kernel what it does not expect.
 *
 * <p>Each room's launcher lists what it declares: {@code public static List<CudaSymbol> symbols()} in {@code <Room>Cuda}.
 *
 * @param room the PTX file it is in, as {@code "rope"}
 * @param name the entry, {@code <room>_<operation>_<dtype>}, as {@code "rope_apply_fp32"}
 * @param parameters in order
 */
public record CudaSymbol(String room, String name, List<CudaParameter> parameters) {
    /** Checks that the name belongs to the room. */
    public CudaSymbol {
        if (!name.startsWith(room + "_")) {
            throw new IllegalArgumentException(
                    "a symbol of room " + room + " starts with \"" + room + "_\", but is " + name);
        }
        parameters = List.copyOf(parameters);
    }

    /** {@return a kernel of a room with the parameters, in order} */
    public static CudaSymbol of(String room, String name, CudaParameter... parameters) {
        return new CudaSymbol(room, name, List.of(parameters));
    }
}
