package io.quern.attention;

import static io.quern.attention.AttentionProblem.extras;

import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.attention.AttentionProblem.Extra;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/** The backward pass in FP64 against differences of the forward pass, along a random direction for each input. */
final class AttentionGradients {
    private static final double STEP = 0x1p-12;

    private AttentionGradients() {}

    static List<Case> all() {
        Attention causal = Attention.causal(8).withValueDim(5);
        return List.of(
                of("full", Attention.full(8).withValueDim(5), extras()),
                of("causal", causal, extras()),
                of("softcap", causal.withSoftcap(3), extras()),
                of("dropout and noise", causal.withRandomness(new Randomness(0.5, 0.25, 3)), extras()),
                of("biases and sinks", causal, extras(Extra.BIAS, Extra.KEY_BIAS, Extra.SINKS)),
                of(
                        "everything",
                        causal.withWindow(5, 1)
                                .withTrainingLength(64)
                                .withSoftcap(5)
                                .withRandomness(new Randomness(0.25, 0.125, 9)),
                        extras(Extra.values())));
    }

    private static Case of(String name, Attention attention, Set<Extra> extras) {
        return new Case("attention", "backward " + name, Case.Kind.NUMERIC, DType.FP64, device -> {
            AttentionProblem problem = new AttentionProblem(attention, DType.FP64, 2, 4, 2, 7, 9, extras);
            Random random = new Random(5);
            AttentionProblem.Result weights = problem.on(device).with(random::nextGaussian);
            Map<String, double[]> gradients = problem.gradients(device, weights);
            double worst = 0;
            for (Map.Entry<String, double[]> input : problem.differentiable().entrySet()) {
                double share = share(problem, device, weights, input.getValue(), gradients.get(input.getKey()), random);
                worst = Double.isNaN(share) ? Double.NaN : Math.max(worst, share);
            }
            return Outcome.within(worst, 1, "largest error in units of the differences' own");
        });
    }

    /**
     * The difference of fourth order, (8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / 12h, is off by less than the one of second
     * order differs from it times h^2 (with a factor 100 for larger derivatives), and by the rounding of L.
     */
    private static double share(
            AttentionProblem problem,
            Device device,
            AttentionProblem.Result weights,
            double[] input,
            double[] gradient,
            Random random) {
        double[] direction = random.doubles(input.length, -1, 1).toArray();
        double near = loss(problem, device, weights, input, direction, STEP)
                - loss(problem, device, weights, input, direction, -STEP);
        double far = loss(problem, device, weights, input, direction, 2 * STEP)
                - loss(problem, device, weights, input, direction, -2 * STEP);
        double fourth = (8 * near - far) / (12 * STEP);
        double second = near / (2 * STEP);
        double exact = 0;
        for (int i = 0; i < input.length; i++) {
            exact += gradient[i] * direction[i];
        }
        double size = problem.on(device).dotMagnitude(weights);
        double bound = 100 * 400 * STEP * STEP * Math.abs(fourth - second) + 0x1p-48 * size / STEP;
        return Math.abs(exact - fourth) / bound;
    }

    private static double loss(
            AttentionProblem problem,
            Device device,
            AttentionProblem.Result weights,
            double[] input,
            double[] direction,
            double step) {
        double[] before = input.clone();
        for (int i = 0; i < input.length; i++) {
            input[i] += step * direction[i];
        }
        try {
            return problem.on(device).dot(weights);
        } finally {
            System.arraycopy(before, 0, input, 0, input.length);
        }
    }
}
