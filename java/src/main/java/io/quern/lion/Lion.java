package io.quern.lion;

import io.quern.Arguments;
import io.quern.Check;
import io.quern.DType;
import io.quern.Device;
import io.quern.KernelSet;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;

/**
 * Lion, the optimizer that steps by the sign of its momentum (Chen et al., "Symbolic Discovery of Optimization Algorithms",
 * arXiv:2302.06675, algorithm 2; kexue.fm 9473). For parameters theta, momentum m and gradient g, all of one shape:
 *
 * <pre>{@code
 * c     = beta1 m + (1 - beta1) g / lossScale                      -g to maximize
 * theta = theta - learningRate (sign(c) + weightDecay theta)       both thetas on the right are the old one
 * m     = beta2 m + (1 - beta2) g / lossScale                      the old m; -g to maximize
 * }</pre>
 *
 * <p>Every parameter moves by the learning rate, or not at all where c is zero; so a good learning rate is 3 to 10 times
 * smaller than AdamW's, and a good weight decay as much larger. With {@code beta1 == beta2} it is Signum.
 *
 * <p>A step reads all three and writes parameter and momentum in place. Tensors are densely packed, of any rank and size, on
 * the device of the stream; they share no memory, except gradients with each other. They may be stored as follows; a copy of
 * FP32 parameters in FP16 or BF16, for the next forward pass, is written in the same pass. Rounding and NaN: see the package.
 *
 * <pre>{@code
 * parameter   momentum    gradient    bytes moved for a parameter; with a copy
 * FP64        FP64        FP64        40
 * FP32        FP32        FP32        20    22
 * FP32        FP32        16 bits     18    20
 * FP32        16 bits     16 bits     14    16     both FP16 or both BF16
 * 16 bits     FP32        16 bits     14           both FP16 or both BF16
 * 16 bits     16 bits     16 bits     10           all FP16 or all BF16
 * }</pre>
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
 * @param direction whether what the gradients belong to is to go down or up
 * @param lossScale what the loss was multiplied by before its gradients were taken, 2^-64 to 2^64
 * @param rounding of new parameters; stochastic only to FP16 and BF16
 * @param nanPolicy what happens where gradients are not finite
 * @param gradients what becomes of them
 * @param maxNorm the largest norm of all gradients together, divided by the loss scale; where theirs is larger, all are scaled
 *     down to it. Infinite: as large as they are; otherwise gradients are read once more. The package says how the norm is summed
 * @param caution whether steps against the gradient are taken
 */
public record Lion(
        double learningRate,
        double beta1,
        double beta2,
        double weightDecay,
        Direction direction,
        double lossScale,
        Rounding rounding,
        NanPolicy nanPolicy,
        Gradients gradients,
        double maxNorm,
        Caution caution) {
    private static final double LARGEST_SCALE = 0x1p64; // so that (1 - beta) / lossScale is a normal FP32 number

    /** Where steps lead. */
    public enum Direction {
        /** Against the gradient. */
        MINIMIZE(1),
        /** Along the gradient; weight decay still pulls to zero. */
        MAXIMIZE(-1);

        private final double sign;

        Direction(double sign) {
            this.sign = sign;
        }

        double sign() {
            return sign;
        }
    }

    /** Whether steps against the gradient are taken. */
    public enum Caution {
        /** All are. */
        NONE,
        /**
         * Only those where c has the sign of the gradient; weight decay and momenta are as always. The others of a tensor grow in
         * turn: their learning rate is divided by the share of its parameters that step, but by no less than 1/1000 (Liang et
         * al., "Cautious Optimizers: Improving Training with One Line of Code", arXiv:2411.16085, algorithm 1 with its
         * scaling). Momenta and gradients are read once more.
         */
        CAUTIOUS
    }

    /** What a step leaves of gradients. */
    public enum Gradients {
        /** What they were. */
        KEPT,
        /** Zeros, for a backward pass that adds to them; a step then writes gradients too, which share no memory. */
        ZEROED
    }

    /** Checks the ranges. */
    public Lion {
        checkLearningRate(learningRate);
        Check.range("beta1", beta1, 0, 1);
        Check.range("beta2", beta2, 0, 1);
        Check.range("weightDecay", weightDecay, 0, Float.MAX_VALUE);
        Check.present("direction", direction);
        checkLossScale(lossScale);
        Check.present("rounding", rounding);
        Check.present("nanPolicy", nanPolicy);
        Check.present("gradients", gradients);
        Check.that(maxNorm > 0, "maxNorm", "above 0", maxNorm);
        Check.present("caution", caution);
    }

    /** {@return Lion with the betas of the paper, 0.9 and 0.99, and no weight decay} */
    public static Lion of(double learningRate) {
        return new Lion(
                learningRate,
                0.9,
                0.99,
                0,
                Direction.MINIMIZE,
                1,
                Rounding.nearest(),
                NanPolicy.PROPAGATE,
                Gradients.KEPT,
                Double.POSITIVE_INFINITY,
                Caution.NONE);
    }

    /**
     * {@return Signum, which steps by the sign of its new momentum, without weight decay} (Bernstein et al., "signSGD:
     * Compressed Optimisation for Non-Convex Problems", arXiv:1802.04434, algorithm 2.) The sign is taken before the momentum
     * is rounded to its storage type.
     */
    public static Lion signum(double learningRate, double beta) {
        return of(learningRate).withBetas(beta, beta);
    }

    private Lion with(Consumer<Draft> change) {
        Draft draft = new Draft(this);
        change.accept(draft);
        return draft.lion();
    }

    /** Settings that are about to change. */
    private static final class Draft {
        private double learningRate;
        private double beta1;
        private double beta2;
        private double weightDecay;
        private Direction direction;
        private double lossScale;
        private Rounding rounding;
        private NanPolicy nanPolicy;
        private Gradients gradients;
        private double maxNorm;
        private Caution caution;

        Draft(Lion lion) {
            learningRate = lion.learningRate;
            beta1 = lion.beta1;
            beta2 = lion.beta2;
            weightDecay = lion.weightDecay;
            direction = lion.direction;
            lossScale = lion.lossScale;
            rounding = lion.rounding;
            nanPolicy = lion.nanPolicy;
            gradients = lion.gradients;
            maxNorm = lion.maxNorm;
            caution = lion.caution;
        }

        Lion lion() {
            return new Lion(
                    learningRate,
                    beta1,
                    beta2,
                    weightDecay,
                    direction,
                    lossScale,
                    rounding,
                    nanPolicy,
                    gradients,
                    maxNorm,
                    caution);
        }
    }

    /** {@return the same with another learning rate} */
    public Lion withLearningRate(double newLearningRate) {
        return with(draft -> draft.learningRate = newLearningRate);
    }

    /** {@return the same with other betas; the paper takes 0.95 and 0.98 for language models} */
    public Lion withBetas(double newBeta1, double newBeta2) {
        return with(draft -> {
            draft.beta1 = newBeta1;
            draft.beta2 = newBeta2;
        });
    }

    /** {@return the same with another weight decay} */
    public Lion withWeightDecay(double newWeightDecay) {
        return with(draft -> draft.weightDecay = newWeightDecay);
    }

    /** {@return the same in another direction} */
    public Lion withDirection(Direction newDirection) {
        return with(draft -> draft.direction = newDirection);
    }

    /** {@return the same for gradients of a loss that was multiplied by something else} */
    public Lion withLossScale(double newLossScale) {
        return with(draft -> draft.lossScale = newLossScale);
    }

    /** {@return the same with another rounding of new parameters} */
    public Lion withRounding(Rounding newRounding) {
        return with(draft -> draft.rounding = newRounding);
    }

    /** {@return the same with another policy for gradients that are not finite} */
    public Lion withNanPolicy(NanPolicy newNanPolicy) {
        return with(draft -> draft.nanPolicy = newNanPolicy);
    }

    /** {@return the same with another largest norm} */
    public Lion withMaxNorm(double newMaxNorm) {
        return with(draft -> draft.maxNorm = newMaxNorm);
    }

    /** {@return the same with other caution} */
    public Lion withCaution(Caution newCaution) {
        return with(draft -> draft.caution = newCaution);
    }

    /** {@return the same that leaves gradients otherwise} */
    public Lion withGradients(Gradients newGradients) {
        return with(draft -> draft.gradients = newGradients);
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
     * Does one step that also copies the new parameter; as {@link #step(Stream, Tensor, Tensor, Tensor)} otherwise.
     *
     * @param parameter theta, FP32; written
     * @param momentum m; written
     * @param gradient g
     * @param copy the new theta, rounded to FP16 or BF16; written
     */
    public void step(Stream stream, Tensor parameter, Tensor momentum, Tensor gradient, Tensor copy) {
        try (LionCall call = bind(stream, parameter, momentum, gradient, copy)) {
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
     * Binds a step of one tensor that also copies the new parameter.
     *
     * @param parameter theta, FP32; written
     * @param momentum m, zeros before the first step; written
     * @param gradient g
     * @param copy the new theta, rounded to FP16 or BF16; written
     * @throws IllegalArgumentException naming the tensor that cannot be taken
     */
    public LionCall bind(Stream stream, Tensor parameter, Tensor momentum, Tensor gradient, Tensor copy) {
        Check.present("parameter", parameter);
        Check.present("momentum", momentum);
        Check.present("gradient", gradient);
        Check.present("copy", copy);
        return bind(stream, List.of(parameter), List.of(momentum), List.of(gradient), List.of(copy));
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
        return bind(stream, parameters, momenta, gradients, List.of());
    }

    /**
     * Binds a step of many tensors that also copies the new parameters.
     *
     * @param parameters theta, one or more, all stored alike, FP32; written
     * @param momenta m of each parameter; written
     * @param gradients g of each parameter
     * @param copies the new theta of each parameter, rounded to FP16 or BF16, all alike; written. An empty list: no copies
     * @throws IllegalArgumentException naming the tensor that cannot be taken
     */
    public LionCall bind(
            Stream stream, List<Tensor> parameters, List<Tensor> momenta, List<Tensor> gradients, List<Tensor> copies) {
        return bind(stream, new Step(this, parameters, momenta, gradients, copies, null));
    }

    /**
     * Binds a step of many tensors that also says in how many places their gradients are not finite; gradients are read once
     * more for that.
     *
     * @param parameters theta, one or more, all stored alike; written
     * @param momenta m of each parameter; written
     * @param gradients g of each parameter
     * @param copies as above, or an empty list
     * @param found of each tensor, how many gradients are NaN or infinite: INT64, as many as parameters; written
     * @throws IllegalArgumentException naming the tensor that cannot be taken
     */
    public LionCall bind(
            Stream stream,
            List<Tensor> parameters,
            List<Tensor> momenta,
            List<Tensor> gradients,
            List<Tensor> copies,
            Tensor found) {
        Check.present("found", found);
        return bind(stream, new Step(this, parameters, momenta, gradients, copies, found));
    }

    private LionCall bind(Stream stream, Step step) {
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

    static void checkLossScale(double lossScale) {
        Check.range("lossScale", lossScale, 1 / LARGEST_SCALE, LARGEST_SCALE);
    }

    /**
     * The tensors of a step.
     *
     * @param settings the optimizer
     * @param parameters theta, one or more, all stored alike; written
     * @param momenta m of each parameter, of its shape; written
     * @param gradients g of each parameter, of its shape
     * @param copies the new theta of each parameter, of its shape; none, or as many as parameters; written
     * @param found how many gradients of each tensor are not finite; written. Null: nobody asks
     */
    public record Step(
            Lion settings,
            List<Tensor> parameters,
            List<Tensor> momenta,
            List<Tensor> gradients,
            List<Tensor> copies,
            Tensor found)
            implements Arguments {
        /** Checks everything that does not depend on the stream. */
        public Step {
            Check.present("settings", settings);
            Check.present("parameters", parameters);
            Check.present("momenta", momenta);
            Check.present("gradients", gradients);
            Check.present("copies", copies);
            int size = parameters.size();
            Check.that(size > 0, "parameters", "at least one tensor", size);
            Check.that(momenta.size() == size, "momenta", size + " tensors, as many as parameters", momenta.size());
            Check.that(
                    gradients.size() == size, "gradients", size + " tensors, as many as parameters", gradients.size());
            Check.that(
                    copies.isEmpty() || copies.size() == size,
                    "copies",
                    "none, or " + size + " tensors, as many as parameters",
                    copies.size());
            parameters = List.copyOf(parameters);
            momenta = List.copyOf(momenta);
            gradients = List.copyOf(gradients);
            copies = List.copyOf(copies);
            List<Role> roles = roles(settings, parameters, momenta, gradients, copies);
            checkShapes(roles, size);
            checkStorage(roles, size);
            checkRounding(settings, roles.get(2 * size));
            if (found != null) {
                Check.dtype("found", found, DType.INT64);
                Check.shape("found", found, size);
                Check.dense("found", found);
                roles.add(Role.written("found", found));
            }
            checkDisjoint(roles);
        }

        /** {@return how many tensors are updated} */
        public int size() {
            return parameters.size();
        }

        @Override
        public List<Role> roles() {
            List<Role> roles = roles(settings, parameters, momenta, gradients, copies);
            if (found != null) {
                roles.add(Role.written("found", found));
            }
            return roles;
        }

        @Override
        public long bytes() {
            int copied = copies.isEmpty() ? 0 : copyType().bytes();
            int zeroed = settings.gradients() == Gradients.ZEROED
                    ? storage().gradient().bytes()
                    : 0;
            int looked = looksFirst() ? storage().gradient().bytes() : 0;
            int counted = settings.caution() == Caution.CAUTIOUS
                    ? storage().momentum().bytes() + storage().gradient().bytes()
                    : 0;
            return elementCount() * (storage().bytesPerParameter() + copied + zeroed + looked + counted);
        }

        /** {@return whether all gradients are read before anything is written} */
        boolean looksFirst() {
            return found != null || settings.nanPolicy().looksFirst() || settings.maxNorm() < Double.POSITIVE_INFINITY;
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

        /** {@return the type of the copies; null if there are none} */
        DType copyType() {
            return copies.isEmpty() ? null : copies.getFirst().dtype();
        }

        long elementCount() {
            return parameters.stream().mapToLong(Tensor::elementCount).sum();
        }

        /** Gradients, then momenta, then parameters, then copies: inputs first. */
        private static List<Role> roles(
                Lion settings,
                List<Tensor> parameters,
                List<Tensor> momenta,
                List<Tensor> gradients,
                List<Tensor> copies) {
            Role.Use ofGradients = settings.gradients() == Gradients.ZEROED ? Role.Use.WRITTEN : Role.Use.READ;
            List<Role> roles = new ArrayList<>(4 * parameters.size());
            addRoles(roles, ofGradients, "gradient", "gradients", gradients);
            addRoles(roles, Role.Use.WRITTEN, "momentum", "momenta", momenta);
            addRoles(roles, Role.Use.WRITTEN, "parameter", "parameters", parameters);
            addRoles(roles, Role.Use.WRITTEN, "copy", "copies", copies);
            return roles;
        }

        private static void addRoles(List<Role> roles, Role.Use use, String one, String many, List<Tensor> tensors) {
            for (int t = 0; t < tensors.size(); t++) {
                String name = tensors.size() == 1 ? one : many + "[" + t + "]";
                roles.add(new Role(name, tensors.get(t), use));
            }
        }

        private static void checkShapes(List<Role> roles, int size) {
            for (int i = 0; i < roles.size(); i++) {
                Role role = roles.get(i);
                Role parameter = roles.get(2 * size + i % size);
                Check.sameShape(role.name(), role.tensor(), parameter.name(), parameter.tensor());
                Check.dense(role.name(), role.tensor());
            }
        }

        private static void checkStorage(List<Role> roles, int size) {
            Storage.of(
                    roles.get(2 * size).tensor().dtype(),
                    roles.get(size).tensor().dtype(),
                    roles.getFirst().tensor().dtype());
            if (roles.size() > 3 * size) {
                Role copy = roles.get(3 * size);
                Check.dtype(copy.name(), copy.tensor(), DType.FP16, DType.BF16);
                Role parameter = roles.get(2 * size);
                Check.that(
                        parameter.tensor().dtype() == DType.FP32,
                        parameter.name(),
                        "FP32 to be copied to " + copy.tensor().dtype(),
                        parameter.tensor());
            }
            for (int i = 0; i < roles.size(); i++) {
                Role role = roles.get(i);
                Check.dtype(
                        role.name(),
                        role.tensor(),
                        roles.get(i / size * size).tensor().dtype());
            }
        }

        private static void checkRounding(Lion settings, Role parameter) {
            Check.that(
                    !settings.rounding().isStochastic()
                            || parameter.tensor().dtype().bytes() == 2,
                    parameter.name(),
                    "FP16 or BF16 to be rounded stochastically",
                    parameter.tensor());
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
