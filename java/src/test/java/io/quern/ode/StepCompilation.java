package io.quern.ode;

import io.quern.DType;
import io.quern.cpu.HostMemory;
import java.lang.foreign.Arena;
import java.util.BitSet;
import java.util.List;

/**
 * Runs compiled steps until the JVM's first compiler has compiled them: a program of its own, whose compilations {@link
 * StepCompilationTest} reads. Names what it has run, a line each.
 */
final class StepCompilation {
    /** The first run, in the interpreter, loads every class that a step needs; {@link StepCompilationTest} says when it is compiled. */
    static final int RUNS = 10;

    private StepCompilation() {}

    public static void main(String[] fields) {
        for (String name : fields) {
            OdeField field = field(name);
            for (DType dtype : List.of(DType.FP64, DType.FP32)) {
                for (Method method : Method.values()) {
                    Ode ode = Ode.of(field, method);
                    run(name, method, dtype, field.kernels().fixed(ode, dtype, new BitSet()));
                    if (method.adaptive()) {
                        run(name, method, dtype, field.kernels().attempt(ode, dtype, new BitSet()));
                        run(name, method, dtype, field.kernels().start(ode, dtype, false, new BitSet()));
                    }
                }
            }
        }
    }

    private static OdeField field(String name) {
        try {
            return (OdeField) OdeCatalogue.class.getField(name).get(null);
        } catch (ReflectiveOperationException unknown) {
            throw new IllegalArgumentException(name, unknown);
        }
    }

    private static void run(String field, Method method, DType dtype, StepCompiler.Compiled compiled) {
        try (Arena arena = Arena.ofConfined()) {
            long block = arena.allocate(compiled.bytes(), HostMemory.ALIGNMENT).address();
            for (int i = 0; i < RUNS; i++) {
                compiled.kernel().run(block, 1, compiled.lanes());
            }
        }
        System.out.println("RAN " + compiled.kernel().getClass().getName() + " " + field + " " + method + " " + dtype);
    }
}
