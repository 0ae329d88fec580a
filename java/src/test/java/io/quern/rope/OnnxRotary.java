package io.quern.rope;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Npy;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.util.List;

/** ONNX's own vectors for RotaryEmbedding: cases that nobody here wrote. */
final class OnnxRotary {
    private static final double RELATIVE = 1e-3;
    private static final double ABSOLUTE = 1e-7;

    private OnnxRotary() {}

    static List<Case> all() {
        return List.of(
                of("test_rotary_embedding", Pairing.HALVES, 8, true),
                of("test_rotary_embedding_3d_input", Pairing.HALVES, 8, true),
                of("test_rotary_embedding_interleaved", Pairing.ADJACENT, 8, true),
                of("test_rotary_embedding_no_position_ids", Pairing.HALVES, 8, false),
                of("test_rotary_embedding_no_position_ids_rotary_dim", Pairing.HALVES, 4, false));
    }

    private static Case of(String name, Pairing pairing, int rotaryDim, boolean positions) {
        return new Case(
                "rope",
                "onnx " + name,
                Case.Kind.NUMERIC,
                DType.FP32,
                device -> run(device, name, pairing, rotaryDim, positions));
    }

    private static Outcome run(Device device, String name, Pairing pairing, int rotaryDim, boolean positions)
            throws Exception {
        Npy input = read(name, "in.input");
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor given = input.in(arena);
            Tensor out = arena.allocate(DType.FP32, input.shape()).fill(Double.NaN);
            Rotation.Roles rotation = Rope.of(8, rotaryDim, 10_000)
                    .pairing(pairing)
                    .rotate()
                    .x(tokensBeforeHeads(given))
                    .table(new RopeTable(
                            read(name, "in.cos_cache").in(arena),
                            read(name, "in.sin_cache").in(arena)))
                    .out(tokensBeforeHeads(out));
            if (positions) {
                rotation.positions(read(name, "in.position_ids").in(arena));
            }
            rotation.run(stream);
            stream.synchronize();
            return compare(read(name, "out.output").values(), out.toDoubleArray());
        }
    }

    /** (batch, heads, tokens, headDim), or (batch, tokens, heads * headDim) with 4 heads, as Rope takes it. */
    private static Tensor tokensBeforeHeads(Tensor x) {
        return x.rank() == 4 ? x.transpose(1, 2) : x.reshape(x.size(0), x.size(1), 4, x.size(2) / 4);
    }

    private static Outcome compare(double[] expected, double[] actual) {
        double worst = 0;
        for (int i = 0; i < expected.length; i++) {
            double share = Math.abs(actual[i] - expected[i]) / (ABSOLUTE + RELATIVE * Math.abs(expected[i]));
            worst = Double.isNaN(share) ? Double.NaN : Math.max(worst, share);
        }
        return Outcome.within(worst, 1, "largest error in units of ONNX's tolerance");
    }

    private static Npy read(String name, String array) throws Exception {
        return Npy.read("/io/quern/rope/onnx/" + name + "." + array + ".npy");
    }
}
