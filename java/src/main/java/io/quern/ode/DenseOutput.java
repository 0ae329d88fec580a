package io.quern.ode;

import io.quern.DType;

/**
 * What lies within a step that was taken, as programs. Their inputs are the step's rows in this order: where in the step, from
 * 0 to 1; the time at its beginning; its length; y and y' at its ends; f at its ends; the sum over stages that makes a quartic
 * of the cubic (zeros of methods without); and the parameters. The formula stands at {@link Method}; what is added to y is
 *
 * <pre>
 *   s ((y' - y) + u (b + s (c + u r))),   u = 1 - s,  b = h f - (y' - y),  c = (y' - y) - h f' - b,  r = h sum d_i k_i
 * </pre>
 */
final class DenseOutput {
    static final int WHERE = 0;
    static final int FROM = 1;
    static final int LENGTH = 2;
    static final int STATES = 3; // y, y', f, f', sum

    private final ProgramBuilder to;
    private final int dimension;
    private final int parameters;
    private final int[] state;

    private DenseOutput(Ode ode) {
        this.dimension = ode.field().dimension();
        this.parameters = ode.field().parameters();
        this.to = new ProgramBuilder(inputs(ode));
        this.state = interpolate(ode.method());
    }

    static int inputs(Ode ode) {
        return parameters(ode) + ode.field().parameters();
    }

    static int parameters(Ode ode) {
        return STATES + 5 * ode.field().dimension();
    }

    /** {@return the state within a step} */
    static Program state(Ode ode) {
        DenseOutput output = new DenseOutput(ode);
        return output.to.build(output.state);
    }

    /** {@return an event's function within a step} */
    static Program along(Ode ode, DType dtype, OdeEvent event) {
        DenseOutput output = new DenseOutput(ode);
        ProgramBuilder to = output.to;
        int[] given = new int[1 + output.dimension + output.parameters];
        given[0] = to.fma(to.input(WHERE), to.input(LENGTH), to.input(FROM));
        System.arraycopy(output.state, 0, given, 1, output.dimension);
        for (int i = 0; i < output.parameters; i++) {
            given[1 + output.dimension + i] = to.input(parameters(ode) + i);
        }
        return to.build(to.inline(Formulae.lower(event.function(), dtype), given));
    }

    private int[] interpolate(Method method) {
        int s = to.input(WHERE);
        int h = to.input(LENGTH);
        int u = to.subtract(to.constant(1), s);
        int[] result = new int[dimension];
        for (int i = 0; i < dimension; i++) {
            int y = input(0, i);
            int difference = to.subtract(input(1, i), y);
            int b = to.subtract(to.multiply(h, input(2, i)), difference);
            int c = to.subtract(to.subtract(difference, to.multiply(h, input(3, i))), b);
            if (method.quartic()) {
                int scaled = to.multiply(h, to.constant(method.quarticPart().scale()));
                c = to.fma(u, to.multiply(scaled, input(4, i)), c);
            }
            result[i] = to.fma(s, to.fma(u, to.fma(s, c, b), difference), y);
        }
        return result;
    }

    private int input(int group, int component) {
        return to.input(STATES + group * dimension + component);
    }
}
