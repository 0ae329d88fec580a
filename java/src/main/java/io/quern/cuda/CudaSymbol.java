package io.quern.cuda;

import java.util.List;

/**
 * A kernel as its launcher declares it. A test compares every declaration with the {@code .entry} of the committed PTX, and
 * {@link CudaLaunch.Builder#build} compares the arguments with the declaration: the two together leave no way to pass a
 * kernel what it does not expect.
 *
 * <p>Each room's launcher lists what it declares: {@code public static List<CudaSymbol> symbols()} in {@code <Room>Cuda}.
 *
 * @param module the PTX file it is in: {@code "rope"}, or {@code "attention_decode_fp32"} of a room that has several
 * @param name the entry, {@code <room>_<operation>_<dtype>}, as {@code "rope_apply_fp32"}
 * @param parameters in order
 */
public record CudaSymbol(String module, String name, List<CudaParameter> parameters) {
    /** Checks that the name belongs to the room. */
    public CudaSymbol {
        String room = roomOf(module);
        if (!name.startsWith(room + "_")) {
            throw new IllegalArgumentException(
                    "a symbol of room " + room + " starts with \"" + room + "_\", but is " + name);
        }
        parameters = List.copyOf(parameters);
    }

    /** {@return a kernel of a module with the parameters, in order} */
    public static CudaSymbol of(String module, String name, CudaParameter... parameters) {
        return new CudaSymbol(module, name, List.of(parameters));
    }

    /** {@return the kernel family that it belongs to} */
    public String room() {
        return roomOf(module);
    }

    /** {@return the room of a module: what its name begins with} */
    static String roomOf(String module) {
        int end = module.indexOf('_');
        return end < 0 ? module : module.substring(0, end);
    }
}
