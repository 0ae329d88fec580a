package io.quern;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * An array of a NumPy {@code .npy} file, format 1.0, in C order: FP64, FP32, FP16, INT64 or INT32; booleans become INT32,
 * and raw words of 16 bits are BF16, which NumPy does not have.
 *
 * @param dtype of the elements
 * @param shape outermost axis first
 * @param values row-major, exact
 */
public record Npy(DType dtype, long[] shape, double[] values) {
    private static final Pattern HEADER = Pattern.compile(
            "\\{'descr': '[<|]([fi][48]|f2|V2|b1)', 'fortran_order': False, 'shape': \\(([0-9, ]*)\\), \\}\\s*");
    private static final int PREAMBLE = 10; // magic, version, length of the header

    /** {@return the array of a class path resource} */
    public static Npy read(String resource) throws IOException {
        try (InputStream in = Npy.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new IOException("there is no resource " + resource);
            }
            return parse(resource, ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN));
        }
    }

    /** {@return the array as a tensor} */
    public Tensor in(TensorArena arena) {
        Tensor tensor = arena.allocate(dtype, shape);
        if (dtype == DType.INT64) {
            return tensor.copyFrom(
                    Arrays.stream(values).mapToLong(value -> (long) value).toArray());
        }
        return tensor.copyFrom(values);
    }

    private static Npy parse(String name, ByteBuffer bytes) throws IOException {
        int length = bytes.getShort(8);
        String header =
                StandardCharsets.US_ASCII.decode(bytes.slice(PREAMBLE, length)).toString();
        Matcher matcher = HEADER.matcher(header);
        if (bytes.getShort(6) != 1 || !matcher.matches()) {
            throw new IOException(name + " is no array that can be read here: " + header);
        }
        DType dtype = switch (matcher.group(1)) {
            case "f8" -> DType.FP64;
            case "f4" -> DType.FP32;
            case "f2" -> DType.FP16;
            case "V2" -> DType.BF16;
            case "i8" -> DType.INT64;
            default -> DType.INT32;
        };
        long[] shape = Arrays.stream(matcher.group(2).split(","))
                .map(String::strip)
                .filter(size -> !size.isEmpty())
                .mapToLong(Long::parseLong)
                .toArray();
        ByteBuffer data = bytes.position(PREAMBLE + length);
        boolean booleans = matcher.group(1).equals("b1");
        double[] values = new double[Math.toIntExact(Shape.elementCount(shape))];
        for (int i = 0; i < values.length; i++) {
            values[i] = switch (dtype) {
                case FP64 -> data.getDouble();
                case FP32 -> data.getFloat();
                case FP16 -> Float.float16ToFloat(data.getShort());
                case BF16 -> DType.bf16ToFloat(data.getShort());
                case INT64 -> data.getLong();
                default -> booleans ? data.get() : data.getInt();
            };
        }
        return new Npy(dtype, shape, values);
    }
}
