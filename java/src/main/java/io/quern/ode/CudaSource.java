package io.quern.ode;

import io.quern.DType;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * CUDA C++ of a solve: the {@link StepProgram}s of a field and a method, an operation a line, in the words of
 * {@code cuda/ode/solve.cuh}, which has the loops around them.
 */
record CudaSource(Ode ode, DType dtype, Kind kind) {
    /** What a kernel does. */
    enum Kind {
        /** Steps of equal length. */
        FIXED,
        /** Steps chosen for each trajectory. */
        ADAPTIVE
    }

    private static final String FIXED_ENTRY = """
        extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) NAME(
            const NUMBER* state, const NUMBER* parameters, const NUMBER* start, const NUMBER* target, NUMBER* out,
            quern::ode::Index stateStride, quern::ode::Index parameterStride, quern::ode::Index parameterStep,
            quern::ode::Index outStride, quern::ode::Index batch, double startOfAll, double targetOfAll, int steps,
            int sized) {
            quern::ode::solveFixed<NAME_steps>(state, parameters, start, target, out, stateStride, parameterStride,
                                               parameterStep, outStride, batch, startOfAll, targetOfAll, steps, sized);
        }
        """;

    private static final String ADAPTIVE_ENTRY = """
        extern "C" __global__ void __launch_bounds__(quern::ode::BLOCK, quern::ode::BLOCKS) NAME(
            const NUMBER* state, const NUMBER* parameters, const NUMBER* start, const NUMBER* end, NUMBER* out,
            int* statistics, NUMBER* lastStep, quern::ode::Index stateStride, quern::ode::Index parameterStride,
            quern::ode::Index parameterStep, quern::ode::Index outStride, quern::ode::Index statisticsStride,
            quern::ode::Index batch, quern::ode::Index share, double startOfAll, double endOfAll, int firstGiven,
            const quern::ode::Settings<NUMBER, DIMENSION> settings) {
            quern::ode::solveAdaptive<NAME_steps>(state, parameters, start, end, out, statistics, lastStep,
                                                  stateStride, parameterStride, parameterStep, outStride,
                                                  statisticsStride, batch, share, startOfAll, endOfAll, firstGiven,
                                                  settings);
        }
        """;

    /**
     * {@return the name of its kernel}
     *
     * @param module the PTX file that it is in, {@code ode_lorenz}
     */
    String symbol(String module) {
        return (module + "_" + kind + "_" + ode.method() + "_" + dtype).toLowerCase(Locale.ROOT);
    }

    /**
     * {@return the kernel, to be put behind {@code solve.cuh}}
     *
     * @param symbol what it is called
     */
    String text(String symbol) {
        StringBuilder text = new StringBuilder();
        OdeField field = ode.field();
        line(text, 0, "struct " + symbol + "_steps {");
        line(text, 1, "using Number = " + number() + ";");
        constant(text, "DIMENSION", field.dimension());
        constant(text, "PARAMETERS", field.parameters());
        if (kind == Kind.FIXED) {
            constant(text, "CARRIED", StepProgram.FIXED_Y + field.dimension());
            write(text, "step", "Number start, Number h", StepProgram.fixed(ode, dtype));
        } else {
            constant(text, "CARRIED", StepProgram.end(field));
            constant(text, "T", StepProgram.T);
            constant(text, "ACCEPTED", StepProgram.ACCEPTED);
            constant(text, "REJECTED", StepProgram.REJECTED);
            constant(text, "STATUS", StepProgram.STATUS);
            constant(text, "LAST_STEP", StepProgram.LAST_STEP);
            constant(text, "Y", StepProgram.Y);
            constant(text, "EVALUATIONS", ode.method().stages() - 1);
            String given = "Number end, const quern::ode::Settings<Number, DIMENSION>& settings";
            write(text, "begin", given, StepProgram.start(ode, dtype, false));
            write(text, "beginAtGivenStep", given, StepProgram.start(ode, dtype, true));
            write(text, "attempt", given, StepProgram.attempt(ode, dtype));
        }
        line(text, 0, "};");
        line(text, 0, "");
        String entry = kind == Kind.FIXED ? FIXED_ENTRY : ADAPTIVE_ENTRY;
        return text.append(entry.replace("NAME", symbol)
                        .replace("NUMBER", number())
                        .replace("DIMENSION", String.valueOf(field.dimension())))
                .toString();
    }

    private String number() {
        return dtype == DType.FP64 ? "double" : "float";
    }

    private static void constant(StringBuilder text, String name, int value) {
        line(text, 1, "static constexpr int " + name + " = " + value + ";");
    }

    private static void line(StringBuilder text, int depth, String line) {
        text.append("    ".repeat(depth)).append(line).append('\n');
    }

    /** A function that gives what is carried its new values. */
    private void write(StringBuilder text, String name, String given, Program program) {
        List<Instruction> all = program.instructions();
        String[] values = new String[all.size()]; // how to write down the value of each instruction
        line(text, 0, "");
        line(text, 1, "template <typename P>");
        line(
                text,
                1,
                "static __device__ __forceinline__ void " + name + "(Number (&carried)[CARRIED], " + given
                        + ", const P& p) {");
        line(text, 2, "using namespace quern::ode;");
        for (int i = 0; i < values.length; i++) {
            Instruction instruction = all.get(i);
            switch (instruction.operation()) {
                case CONSTANT -> values[i] = literal(instruction.value());
                case INPUT -> {
                    values[i] = input(instruction.a());
                    if (values[i].startsWith("carried")) { // and will be written
                        String kept = "c" + instruction.a();
                        line(text, 2, "const Number " + kept + " = " + values[i] + ";");
                        values[i] = kept;
                    }
                }
                default -> {
                    values[i] = "v" + i;
                    line(text, 2, "const Number v" + i + " = " + operation(instruction, values) + ";");
                }
            }
        }
        for (int row = 0; row < program.outputs().size(); row++) {
            line(text, 2, "carried[" + row + "] = " + values[program.outputs().get(row)] + ";");
        }
        line(text, 1, "}");
    }

    /** {@return where a row of the program is found} */
    private String input(int row) {
        OdeField field = ode.field();
        if (kind == Kind.FIXED) {
            if (row < StepProgram.fixedStart(field)) {
                return "carried[" + row + "]";
            }
            if (row >= StepProgram.fixedParameters(field)) {
                return "p[" + (row - StepProgram.fixedParameters(field)) + "]";
            }
            return row == StepProgram.fixedStart(field) ? "start" : "h";
        }
        if (row < StepProgram.end(field)) {
            return "carried[" + row + "]";
        }
        if (row >= StepProgram.adaptiveParameters(field)) {
            return "p[" + (row - StepProgram.adaptiveParameters(field)) + "]";
        }
        if (row >= StepProgram.absolute(field)) {
            return "settings.absolute[" + (row - StepProgram.absolute(field)) + "]";
        }
        if (row >= StepProgram.relative(field)) {
            return "settings.relative[" + (row - StepProgram.relative(field)) + "]";
        }
        List<String> settings = List.of("end", "settings.least", "settings.most", "settings.budget", "settings.first");
        return settings.get(row - StepProgram.end(field));
    }

    private String literal(double value) {
        double rounded = Arithmetic.of(dtype).round(value);
        if (dtype == DType.FP64) {
            return Double.isFinite(rounded)
                    ? Double.toHexString(rounded)
                    : "ofBits(0x" + Long.toHexString(Double.doubleToLongBits(rounded)) + "ll)";
        }
        float single = (float) rounded;
        return Float.isFinite(single)
                ? Float.toHexString(single) + "f"
                : "ofBits(static_cast<int>(0x" + Integer.toHexString(Float.floatToIntBits(single)) + "u))";
    }

    private static String operation(Instruction instruction, String[] values) {
        return switch (instruction.operation()) {
            case ADD -> call("add", instruction, values);
            case SUBTRACT -> call("subtract", instruction, values);
            case MULTIPLY -> call("multiply", instruction, values);
            case DIVIDE -> call("divide", instruction, values);
            case FMA -> call("fused", instruction, values);
            case NEGATE -> "-(" + values[instruction.a()] + ")";
            case ABS -> call("magnitude", instruction, values);
            case SQRT -> call("root", instruction, values);
            case SELECT_LESS -> select("<", instruction, values);
            case SELECT_AT_MOST -> select("<=", instruction, values);
            case SELECT_EQUAL -> select("==", instruction, values);
            case POWER_OF_TWO -> call("powerOfTwo", instruction, values);
            case SIGNIFICAND -> call("significandOf", instruction, values);
            case EXPONENT -> call("exponentOf", instruction, values);
            case INPUT, CONSTANT, EXP, LOG, SIN, COS, POW ->
                throw new AssertionError(instruction.operation() + " is not executed");
        };
    }

    private static String call(String function, Instruction instruction, String[] values) {
        return IntStream.range(0, instruction.operation().operands())
                .mapToObj(i -> values[instruction.operand(i)])
                .collect(Collectors.joining(", ", function + "(", ")"));
    }

    private static String select(String comparison, Instruction instruction, String[] values) {
        return values[instruction.a()] + " " + comparison + " " + values[instruction.b()] + " ? "
                + values[instruction.c()] + " : " + values[instruction.d()];
    }
}
