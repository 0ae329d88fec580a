package io.quern.ode;

import io.quern.DType;

/**
 * The primitive operations in a working type, one number at a time, as the reference does them. Numbers of both types are
 * held as doubles; those of FP32 always have a value of that type. Sums, products, quotients and square roots of FP32 are
 * computed in FP64 and rounded once more, which does no harm: 53 bits are more than 2 * 24 + 1.
 */
enum Arithmetic {
    FP64 {
        @Override
        double round(double x) {
            return x;
        }

        @Override
        double fma(double a, double b, double c) {
            return Math.fma(a, b, c);
        }

        @Override
        double powerOfTwo(double shifted) {
            return Double.longBitsToDouble(Double.doubleToRawLongBits(shifted) + 1023 << 52);
        }

        @Override
        double significand(double x) {
            return Double.longBitsToDouble(
                    Double.doubleToRawLongBits(x) & 0x000f_ffff_ffff_ffffL | 0x3ff0_0000_0000_0000L);
        }

        @Override
        double exponent(double x) {
            return Double.longBitsToDouble(Double.doubleToRawLongBits(x) >>> 52 | 0x4330_0000_0000_0000L);
        }
    },
    FP32 {
        @Override
        double round(double x) {
            return (float) x;
        }

        @Override
        double fma(double a, double b, double c) {
            return Math.fma((float) a, (float) b, (float) c);
        }

        @Override
        double powerOfTwo(double shifted) {
            return Float.intBitsToFloat(Float.floatToRawIntBits((float) shifted) + 127 << 23);
        }

        @Override
        double significand(double x) {
            return Float.intBitsToFloat(Float.floatToRawIntBits((float) x) & 0x007f_ffff | 0x3f80_0000);
        }

        @Override
        double exponent(double x) {
            return Float.intBitsToFloat(Float.floatToRawIntBits((float) x) >>> 23 | 0x4b00_0000);
        }
    };

    /** {@return that of a working type} */
    static Arithmetic of(DType dtype) {
        return dtype == DType.FP64 ? FP64 : FP32;
    }

    /** {@return the nearest number of the type} */
    abstract double round(double x);

    /** {@return a b + c, rounded once} */
    abstract double fma(double a, double b, double c);

    /** As {@link Operation#POWER_OF_TWO}. */
    abstract double powerOfTwo(double shifted);

    /** As {@link Operation#SIGNIFICAND}. */
    abstract double significand(double x);

    /** As {@link Operation#EXPONENT}. */
    abstract double exponent(double x);

    double add(double a, double b) {
        return round(a + b);
    }

    double subtract(double a, double b) {
        return round(a - b);
    }

    double multiply(double a, double b) {
        return round(a * b);
    }

    double divide(double a, double b) {
        return round(a / b);
    }

    double sqrt(double a) {
        return round(Math.sqrt(a));
    }

    /**
     * Executes an instruction.
     *
     * @param given the program's inputs
     * @param values of the instructions before it
     */
    double apply(Instruction i, double[] given, double[] values) {
        return switch (i.operation()) {
            case INPUT -> given[i.a()];
            case CONSTANT -> round(i.value());
            case ADD -> add(values[i.a()], values[i.b()]);
            case SUBTRACT -> subtract(values[i.a()], values[i.b()]);
            case MULTIPLY -> multiply(values[i.a()], values[i.b()]);
            case DIVIDE -> divide(values[i.a()], values[i.b()]);
            case FMA -> fma(values[i.a()], values[i.b()], values[i.c()]);
            case NEGATE -> -values[i.a()];
            case ABS -> Math.abs(values[i.a()]);
            case SQRT -> sqrt(values[i.a()]);
            case SELECT_LESS -> values[i.a()] < values[i.b()] ? values[i.c()] : values[i.d()];
            case SELECT_AT_MOST -> values[i.a()] <= values[i.b()] ? values[i.c()] : values[i.d()];
            case SELECT_EQUAL -> values[i.a()] == values[i.b()] ? values[i.c()] : values[i.d()];
            case POWER_OF_TWO -> powerOfTwo(values[i.a()]);
            case SIGNIFICAND -> significand(values[i.a()]);
            case EXPONENT -> exponent(values[i.a()]);
            case EXP, LOG, SIN, COS, POW -> throw new AssertionError(i.operation() + " is not executed but replaced");
        };
    }
}
