package io.quern.lion;

import io.quern.Arguments;
import io.quern.Check;
import io.quern.Device;
import io.quern.KernelSet;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Lion, the optimizer that steps by the sign of its momentum (Chen et al., "Symbolic Discovery of Optimization Algorithms",
 * arXiv:2302.06675, algorithm 2; kexue.fm 9473). For parameters theta, momentum m and gradient g, all of one shape:
 *
 * <pre>{@code
 * c     = beta1 m + (1 - beta1) g
 * theta = theta - learningRate (sign(c) + weightDecay theta)       both thetas on the right are the old one
 * m     = beta2 m + (1 - beta2) g                                  the old m
 * }</pre>
 *
 * <p>Every parameter moves by the learning rate, or not at all where c is zero; so a good learning rate is 3 to 10 times
 * smaller than AdamW's, and a good weight decay as much larger. With {@code beta1 == beta2} and no decay it is Signum.
 *
 * <p>A step reads all three and writes parameter and momentum in place. Tensors are densely packed, of any rank and size, on
 * the device of the stream; they share no memory, except gradients with each other. Parameter, momentum and gradient are all
 * FP64, all FP32, all FP16 or all BF16; or BF16, FP32, BF16; or FP32, FP32, BF16. Rounding and NaN: see the package.
 *
 * <pre>{@code
 * Lion lion = Lion.of(3e-4).withBetas(0.95, 0.98).withWeightDecay(0.1);
 * try (LionCall step = lion.bind(stream, parameters, momenta, gradients)) {
 *     for (int i = 0; i < steps; i++) {
 *         backward(gradients);
 *         step.setLearningRate(schedule(i));
 *         step.run();
 *     }
 * }
 * }</pre>
 *
 * @param learningRate how far a parameter moves in one step, 0 or more
 * @param beta1 weight of the momentum in the step's direction, 0 to 1
 * @param beta2 weight of the momentum in the next momentum, 0 to 1
 * @param weightDecay what each step takes from a parameter, as a share of it per unit of learning rate, 0 or more
 */
public record Lion(double learningRate, double beta1, double beta2, double weightDecay) {
    /** Checks the ranges. */
    public Lion {
        checkLearningRate(learningRate);
        Check.range("beta1", beta1, 0, 1);
        Check.range("beta2", beta2, 0, 1);
        Check.range("weightDecay", weightDecay, 0, Float.MAX_VALUE);
    }

    /** {@return Lion with the betas of the paper, 0.9 and 0.99, and no weight decay} */
    public static Lion of(double learningRate) {
        return new Lion(learningRate, 0.9, 0.99, 0);
    }

    /** {@return the same with another learning rate} */
    public Lion withLearningRate(double newLearningRate) {
        return new Lion(newLearningRate, beta1, beta2, weightDecay);
    }

    /** {@return the same with other betas; the paper takes 0.95 and 0.98 for language models} */
    public Lion withBetas(double newBeta1, double newBeta2) {
        return new Lion(learningRate, newBeta1, newBeta2, weightDecay);
    }

    /** {@return the same with another weight decay} */
    public Lion withWeightDecay(double newWeightDecay) {
        return new Lion(learningRate, beta1, beta2, newWeightDecay);
    }

    /**
     * Does one step: {@link #bind} and {@link LionCall#run}. On CUDA it waits until the step is done; what repeats is better
     * bound once.
     *
     * @param parameter theta; written
     * @param momentum m, zeros before the first step; written
     * @param gradient g
     */
    public void step(Stream stream, Tensor parameter, Tensor momentum, Tensor gradient) {
        try (LionCall call = bind(stream, parameter, momentum, gradient)) {
            call.run();
        }
    }

    /**
     * Does one step of many tensors in one launch, with the bits of single steps; as {@link #step(Stream, Tensor, Tensor,
     * Tensor)} otherwise.
     *
     * @param parameters theta; written
     * @param momenta m of each parameter; written
     * @param gradients g of each parameter
     */
    public void step(Stream stream, List<Tensor> parameters, List<Tensor> momenta, List<Tensor> gradients) {
        try (LionCall call = bind(stream, parameters, momenta, gradients)) {
            call.run();
        }
    }

    /**
     * Binds a step of one tensor.
     *
     * @param parameter theta; written
     * @param momentum m, zeros before the first step; written
     * @param gradient g
     * @throws IllegalArgumentException naming the tensor that cannot be taken
     */
    public LionCall bind(Stream stream, Tensor parameter, Tensor momentum, Tensor gradient) {
        Check.present("parameter", parameter);
        Check.present("momentum", momentum);
        Check.present("gradient", gradient);
        return bind(stream, List.of(parameter), List.of(momentum), List.of(gradient));
    }

    /**
     * Binds a step of many tensors.
     *
     * @param parameters theta, one or more, all stored alike; written
     * @param momenta m of each parameter; written
     * @param gradients g of each parameter
     * @throws IllegalArgumentException naming the tensor that cannot be taken
     */
    public LionCall bind(Stream stream, List<Tensor> parameters, List<Tensor> momenta, List<Tensor> gradients) {
        Step step = new Step(this, parameters, momenta, gradients);
        Coefficients coefficients = new Coefficients(this);
        return new LionCall(kernels(coefficients).bind(step, stream), coefficients);
    }

    private static KernelSet<Step> kernels(Coefficients coefficients) {
        return new KernelSet<>(
                "lion_step",
                (step, _, _) -> new LionReference(step, coefficients),
                (step, stream, _) -> new LionVector(step, coefficients, ((Device.Cpu) stream.device()).threads()),
                new LionCuda(coefficients));
    }

    static void checkLearningRate(double learningRate) {
        Check.range("learningRate", learningRate, 0, Float.MAX_VALUE);
    }

    /**
     * The tensors of a step.
     *
     * @param settings the optimizer
     * @param parameters theta, one or more, all stored alike; written
     * @param momenta m of each parameter, of its shape; written
     * @param gradients g of each parameter, of its shape
     */
    public record Step(Lion settings, List<Tensor> parameters, List<Tensor> momenta, List<Tensor> gradients)
            implements Arguments {
        /** Checks everything that does not depend on the stream. */
        public Step {
            Check.present("parameters", parameters);
            Check.present("momenta", momenta);
            Check.present("gradients", gradients);
            int size = parameters.size();
            Check.that(size > 0, "parameters", "at least one tensor", size);
            Check.that(momenta.size() == size, "momenta", size + " tensors, as many as parameters", momenta.size());
            Check.that(
                    gradients.size() == size, "gradients", size + " tensors, as many as parameters", gradients.size());
            parameters = List.copyOf(parameters);
            momenta = List.copyOf(momenta);
            gradients = List.copyOf(gradients);
            List<Role> roles = roles(parameters, momenta, gradients);
            checkShapes(roles, size);
            checkStorage(roles, size);
            checkDisjoint(roles);
        }

        /** {@return how many tensors are updated} */
        public int size() {
            return parameters.size();
        }

        @Override
        public List<Role> roles() {
            return roles(parameters, momenta, gradients);
        }

        @Override
        public long bytes() {
            return elementCount() * storage().bytesPerParameter();
        }

        /** {@inheritDoc} For each parameter three fma, two products and a difference. */
        @Override
        public long flops() {
            return elementCount() * (3 * 2 + 2 + 1);
        }

        Storage storage() {
            return Storage.of(
                    parameters.getFirst().dtype(),
                    momenta.getFirst().dtype(),
                    gradients.getFirst().dtype());
        }

        long elementCount() {
            return parameters.stream().mapToLong(Tensor::elementCount).sum();
        }

        /** Gradients, then momenta, then parameters: inputs first. */
        private static List<Role> roles(List<Tensor> parameters, List<Tensor> momenta, List<Tensor> gradients) {
            boolean one = parameters.size() == 1;
            List<Role> roles = new ArrayList<>(3 * parameters.size());
            for (int t = 0; t < parameters.size(); t++) {
                roles.add(Role.read(one ? "gradient" : "gradients[" + t + "]", gradients.get(t)));
            }
            for (int t = 0; t < parameters.size(); t++) {
                roles.add(Role.written(one ? "momentum" : "momenta[" + t + "]", momenta.get(t)));
            }
            for (int t = 0; t < parameters.size(); t++) {
                roles.add(Role.written(one ? "parameter" : "parameters[" + t + "]", parameters.get(t)));
            }
            return roles;
        }

        private static void checkShapes(List<Role> roles, int size) {
            for (int t = 0; t < size; t++) {
                Role gradient = roles.get(t);
                Role momentum = roles.get(size + t);
                Role parameter = roles.get(2 * size + t);
                Check.sameShape(momentum.name(), momentum.tensor(), parameter.name(), parameter.tensor());
                Check.sameShape(gradient.name(), gradient.tensor(), parameter.name(), parameter.tensor());
            }
            for (Role role : roles) {
                Check.dense(role.name(), role.tensor());
            }
        }

        private static void checkStorage(List<Role> roles, int size) {
            Storage.of(
                    roles.get(2 * size).tensor().dtype(),
                    roles.get(size).tensor().dtype(),
                    roles.getFirst().tensor().dtype());
            for (int i = 0; i < roles.size(); i++) {
                Role role = roles.get(i);
                Check.dtype(
                        role.name(),
                        role.tensor(),
                        roles.get(i / size * size).tensor().dtype());
            }
        }

        /**
         * Going up through memory, a tensor need only be compared with those before it that reach furthest: the one that is
         * written and, if it is written itself, the one that is read.
         */
        private static void checkDisjoint(List<Role> roles) {
            Role reachesOn = null; // whatever is done with it
            Role writtenOn = null;
            List<Role> upwards = roles.stream()
                    .sorted(Comparator.comparingLong(role -> role.tensor().address()))
                    .toList();
            for (Role role : upwards) {
                boolean written = role.use() == Role.Use.WRITTEN;
                Role before = written ? reachesOn : writtenOn;
                if (before != null) {
                    Check.disjoint(role.name(), role.tensor(), before.name(), before.tensor());
                }
                reachesOn = further(reachesOn, role);
                writtenOn = written ? further(writtenOn, role) : writtenOn;
            }
        }

        private static Role further(Role before, Role role) {
            return before == null || end(role.tensor()) > end(before.tensor()) ? role : before;
        }

        private static long end(Tensor tensor) {
            return tensor.address() + tensor.elementCount() * tensor.dtype().bytes();
        }
    }
}
