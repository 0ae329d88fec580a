package io.quern.rope;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import java.util.ArrayList;
import java.util.List;

/** What must hold of rotary embeddings on every device. */
public final class RopeCases {
    private static final List<DType> TYPES = List.of(FP64, FP32, FP16, BF16);
    private static final double BASE = 10_000;

    private RopeCases() {}

    /** {@return every case of the room} */
    public static List<Case> all() {
        List<Case> cases = new ArrayList<>();
        sameBits(cases);
        againstTheOracle(cases);
        cases.addAll(RopeTableCases.all());
        cases.addAll(RopeScalingCases.all());
        cases.addAll(RopeAxesCases.all());
        cases.addAll(RopeJointCases.all());
        cases.addAll(RopeGeneratorCases.all());
        cases.addAll(RopeProperties.all());
        cases.addAll(RopeViews.all());
        cases.addAll(RopeRefusals.all());
        cases.addAll(OnnxRotary.all());
        return List.copyOf(cases);
    }

    static Rope rope(Pairing pairing, int headDim, int rotaryDim) {
        return Rope.of(headDim, rotaryDim, BASE).pairing(pairing);
    }

    static Case numeric(String name, DType dtype, Case.Body body) {
        return new Case("rope", name, Case.Kind.NUMERIC, dtype, body);
    }

    static Case property(String name, DType dtype, Case.Body body) {
        return new Case("rope", name, Case.Kind.PROPERTY, dtype, body);
    }

    /** The bits of the reference, asked for in each of four ways. */
    private static void sameBits(List<Case> cases) {
        for (DType dtype : TYPES) {
            for (Pairing pairing : Pairing.values()) {
                // Widths below, at, between and above a vector's; odd numbers of tokens and heads.
                bits(cases, RopeCase.of(rope(pairing, 2, 2), dtype, 1, 17, 3));
                bits(cases, RopeCase.of(rope(pairing, 6, 6), dtype, 2, 7, 1));
                bits(cases, RopeCase.of(rope(pairing, 64, 64), dtype, 1, 1, 5));
                bits(cases, RopeCase.of(rope(pairing, 80, 80), dtype, 2, 3, 7));
                bits(cases, RopeCase.of(rope(pairing, 80, 32), dtype, 3, 5, 2));
                bits(cases, RopeCase.of(rope(pairing, 128, 128), dtype, 1, 207, 4));
                bits(cases, RopeCase.of(rope(pairing, 128, 128), dtype, 2, 7, 5).inverse());
                bits(cases, RopeCase.of(rope(pairing, 130, 66), dtype, 1, 17, 3).inverse());
                bits(cases, RopeCase.of(rope(pairing, 256, 256), dtype, 3, 5, 3));
                bits(cases, RopeCase.of(rope(pairing, 1042, 1042), dtype, 1, 2, 2));
                bits(cases, rounded(RopeCase.of(rope(pairing, 128, 96), dtype, 1, 17, 3)));
            }
        }
        // More batches than a grid has rows, more heads than a block has threads.
        bits(cases, RopeCase.of(rope(Pairing.HALVES, 2, 2), FP32, 70_001, 1, 1));
        bits(cases, RopeCase.of(rope(Pairing.ADJACENT, 4, 4), FP16, 1, 2, 1031));
    }

    private static void bits(List<Case> cases, RopeCase given) {
        cases.add(numeric("apply " + given, given.dtype(), device -> {
            RopeCase near = given.below(997);
            double[] expected = given.on(Device.reference(), RopeCase.Way.COMPUTED);
            double[] expectedNear = near.on(Device.reference(), RopeCase.Way.COMPUTED);
            return Outcome.sameBits(expected, given.on(device, RopeCase.Way.COMPUTED))
                    .and(Outcome.sameBits(expected, given.on(device, RopeCase.Way.COMPUTED_IN_PLACE)))
                    .and(Outcome.sameBits(expectedNear, near.on(device, RopeCase.Way.TABLE)))
                    .and(Outcome.sameBits(expectedNear, near.on(device, RopeCase.Way.TABLE_IN_PLACE)));
        }));
    }

    private static void againstTheOracle(List<Case> cases) {
        for (DType dtype : TYPES) {
            for (Pairing pairing : Pairing.values()) {
                oracle(cases, RopeCase.of(rope(pairing, 64, 64), dtype, 1, 3, 3));
                oracle(cases, RopeCase.of(rope(pairing, 80, 32), dtype, 1, 3, 2).inverse());
                oracle(cases, rounded(RopeCase.of(rope(pairing, 18, 18), dtype, 2, 3, 2)));
            }
            oracle(
                    cases,
                    RopeCase.of(rope(Pairing.HALVES, 16, 16), dtype, 1, 8, 1)
                            .at(0, -1, 1, 32_768, 10_000_000, -10_000_000, 1L << 32, 1L << 44));
        }
    }

    private static void oracle(List<Case> cases, RopeCase given) {
        boolean far = given.positions()[given.positions().length - 1] > 10_000_000;
        String name = "oracle " + given + (far ? " far positions" : "");
        cases.add(numeric(name, given.dtype(), device -> {
            double[] x = given.inputs();
            double[] y = given.on(device, RopeCase.Way.COMPUTED_IN_PLACE, x);
            return Outcome.within(
                    RopeOracle.worstShare(given, BASE, x, y), 1, "largest error in units of what is derived for it");
        }));
    }

    static RopeCase rounded(RopeCase given) {
        return new RopeCase(
                given.rope().rounding(AngleRounding.FP32),
                given.dtype(),
                given.direction(),
                given.batch(),
                given.tokens(),
                given.heads(),
                given.positions());
    }
}
