package io.quern.ode;

/**
 * One operation of a {@link Program}. Its operands are the numbers of earlier instructions.
 *
 * @param operation what is done
 * @param a first operand; of an INPUT, which one
 * @param b second operand, -1 if there is none
 * @param c third operand, -1 if there is none
 * @param d fourth operand, -1 if there is none
 * @param constant the bits of a CONSTANT, a double; else 0
 */
record Instruction(Operation operation, int a, int b, int c, int d, long constant) {
    /** {@return operand {@code i}, from 0} */
    int operand(int i) {
        return switch (i) {
            case 0 -> a;
            case 1 -> b;
            case 2 -> c;
            default -> d;
        };
    }

    double value() {
        return Double.longBitsToDouble(constant);
    }
}
