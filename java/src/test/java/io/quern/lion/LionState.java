package io.quern.lion;

import io.quern.DType;
import io.quern.Device;
import io.quern.Fenced;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

/** Parameters, momenta and gradients on the Java heap: what a case starts from and what came of it. */
record LionState(Storage storage, double[] parameter, double[] momentum, double[] gradient, Outcome fences) {
    LionState(Storage storage, double[] parameter, double[] momentum, double[] gradient) {
        this(storage, parameter, momentum, gradient, Outcome.passed(""));
    }

    /** Normal numbers, some of them outliers; some exact zeros, and some places where c is close to zero. */
    static LionState random(Storage storage, int size, long seed) {
        Random random = new Random(seed);
        double[] parameter = new double[size];
        double[] momentum = new double[size];
        double[] gradient = new double[size];
        for (int i = 0; i < size; i++) {
            parameter[i] = random.nextGaussian() * (i % 101 == 50 ? 20 : 1);
            momentum[i] = i % 13 == 5 ? 0 : random.nextGaussian() * (i % 97 == 20 ? 20 : 1);
            gradient[i] = i % 26 == 5 ? 0 : random.nextGaussian() * (i % 89 == 70 ? 20 : 1);
            if (i % 31 == 11) {
                gradient[i] = -19 * momentum[i]; // with beta1 = 0.95: c is what rounding leaves
            }
        }
        return new LionState(storage, parameter, momentum, gradient);
    }

    int size() {
        return parameter.length;
    }

    /** {@return what a number of steps on a device make of this; none: the values as stored} */
    LionState run(Lion lion, Device device, int steps) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            OnDevice tensors = on(arena);
            try (LionCall call = lion.bind(stream, tensors.parameter(), tensors.momentum(), tensors.gradient())) {
                for (int i = 0; i < steps; i++) {
                    call.run();
                }
            }
            stream.synchronize();
            return tensors.toState(storage);
        }
    }

    /** {@return what one step makes of this that counts as number {@code number}} */
    LionState runNumbered(Lion lion, Device device, long number) {
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            OnDevice tensors = on(arena);
            try (LionCall call = lion.bind(stream, tensors.parameter(), tensors.momentum(), tensors.gradient())) {
                call.setStepNumber(number);
                call.run();
            }
            stream.synchronize();
            return tensors.toState(storage);
        }
    }

    /** {@return the parts of a tensor between places where it is cut} */
    static List<Tensor> cut(Tensor tensor, int... cuts) {
        return IntStream.range(1, cuts.length)
                .mapToObj(i -> tensor.slice(0, cuts[i - 1], cuts[i]))
                .toList();
    }

    OnDevice on(TensorArena arena) {
        return new OnDevice(
                Fenced.of(arena, storage.parameter(), parameter, size()),
                Fenced.of(arena, storage.momentum(), momentum, size()),
                Fenced.of(arena, storage.gradient(), gradient, size()));
    }

    LionState scaledGradients(double factor) {
        return new LionState(storage, parameter, scaled(momentum, factor), scaled(gradient, factor));
    }

    static double[] scaled(double[] values, double factor) {
        return Arrays.stream(values).map(value -> value * factor).toArray();
    }

    /** {@return a number rounded once to a type} */
    static double rounded(DType dtype, double value) {
        return rounded(dtype, new double[] {value})[0];
    }

    /** {@return numbers rounded once to a type} */
    static double[] rounded(DType dtype, double[] values) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment element = arena.allocate(dtype.bytes(), dtype.bytes());
            return Arrays.stream(values)
                    .map(value -> {
                        dtype.set(element, 0, value);
                        return dtype.get(element, 0);
                    })
                    .toArray();
        }
    }

    /** {@return whether another has the same bits, and nothing was written outside its tensors} */
    Outcome sameBits(LionState other) {
        return Outcome.sameBits(parameter, other.parameter)
                .and(Outcome.sameBits(momentum, other.momentum))
                .and(Outcome.sameBits(gradient, other.gradient))
                .and(other.fences);
    }

    /** The same in memory of a device, fenced. */
    record OnDevice(Fenced fencedParameter, Fenced fencedMomentum, Fenced fencedGradient) {
        Tensor parameter() {
            return fencedParameter.tensor();
        }

        Tensor momentum() {
            return fencedMomentum.tensor();
        }

        Tensor gradient() {
            return fencedGradient.tensor();
        }

        LionState toState(Storage storage) {
            Outcome fences = fencedParameter
                    .fencesStand()
                    .and(fencedMomentum.fencesStand())
                    .and(fencedGradient.fencesStand());
            return new LionState(
                    storage,
                    parameter().toDoubleArray(),
                    momentum().toDoubleArray(),
                    gradient().toDoubleArray(),
                    fences);
        }
    }
}
