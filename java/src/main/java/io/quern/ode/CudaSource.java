package io.quern.ode;

import io.quern.DType;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import java.util.function.IntToDoubleFunction;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * What of {@code cuda/ode/} is written from Java: the formulae of a field and of events, an operation a line, in the words of
 * {@code arithmetic.cuh}; and the numbers of the methods and of {@link StepControl}.
 */
final class CudaSource {
    private static final String HEAD = """
        // %s.
        // Written by io.quern.ode.CudaSource, and held to it by CudaSourceTest, which also renews it.
        """;

    private static final String FIELD = """
        // clang-format off
        //
        // parts: %s
        // types: fp64 fp32
        #include "solve.cuh"

        namespace quern {
        namespace ode {

        %s
        %s
        QUERN_ODE_KERNELS(QUERN_PART, %s, QUERN_TYPE)

        }  // namespace ode
        }  // namespace quern
        """;

    private static final String FORMULAE = """
        template <>
        struct Field<%s> {
            static constexpr int DIMENSION = %d;
            static constexpr int PARAMETERS = %d;

            template <typename P>
            static __device__ __forceinline__ void evaluate(%s t, const %s (&y)[DIMENSION], const P& p,
                                                            %s (&slope)[DIMENSION]) {
        %s    }
        };
        """;

    private static final String EVENTS = """

        template <>
        struct Events<%1$s> {
            static constexpr int COUNT = %2$d;
            static constexpr EventSet RISING = %3$s;
            static constexpr EventSet FALLING = %4$s;
            static constexpr EventSet TERMINAL = %5$s;
            static constexpr EventSet RESETTING = %6$s;

            template <typename Y, typename P>
            static __device__ __forceinline__ %1$s function(int e, %1$s t, const Y& y, const P& p) {
                switch (e) {
        %7$s            default: return 0;
                }
            }

            template <typename P>
            static __device__ __forceinline__ void reset(int e, %1$s t, %1$s (&y)[%8$d], const P& p) {
                switch (e) {
        %9$s            default: break;
                }
            }
        };
        """;

    private static final String TABLEAUX = """
        // clang-format off
        #pragma once

        namespace quern {
        namespace ode {

        /// The numbers of a method, as io.quern.ode.Method names them; 0 where it has none.
        template <int STAGES>
        struct Tableau {
            double a[STAGES][STAGES];
            double b[STAGES];
            double c[STAGES];
            double error[STAGES];
            double quartic[STAGES];
        };

        /// From the lowest power on.
        template <int TERMS>
        struct Polynomial {
            double coefficients[TERMS];
        };

        """;

    private static final String HEADERS = headers();

    private static final UUID HEADERS_HASH = UUID.nameUUIDFromBytes(HEADERS.getBytes(StandardCharsets.UTF_8));

    private CudaSource() {}

    /**
     * {@return the source of a field's kernels}
     *
     * @param name what it is called in their names
     */
    static String kernels(String name, CudaCatalogue.Known known) {
        String parts = known.parts().stream().map(CudaKernel.Part::toString).collect(Collectors.joining(" "));
        return HEAD.formatted("f of a field, and its kernels")
                + FIELD.formatted(
                        parts.toLowerCase(Locale.ROOT),
                        formulae(known.field(), known.events(), DType.FP64),
                        formulae(known.field(), known.events(), DType.FP32),
                        name);
    }

    /** {@return what the field of a kernel is called that has none: after its source} */
    static String name(CudaKernel kernel) {
        String source = HEADERS_HASH + own(kernel, "field");
        return UUID.nameUUIDFromBytes(source.getBytes(StandardCharsets.UTF_8))
                .toString()
                .replace("-", "");
    }

    /**
     * {@return the source of one kernel, which includes no other file}
     *
     * @param name what the field is called in its name
     */
    static String kernel(CudaKernel kernel, String name) {
        return HEADERS + own(kernel, name);
    }

    /** What is a kernel's own, behind the headers. */
    private static String own(CudaKernel kernel, String name) {
        String entry = "QUERN_ODE_%s(%s, %s, %s)\n"
                .formatted(
                        kernel.kind(),
                        name,
                        kernel.ode().method().toString().toLowerCase(Locale.ROOT),
                        type(kernel.dtype()));
        return "namespace quern {\nnamespace ode {\n" + formulae(kernel.ode().field(), kernel.events(), kernel.dtype())
                + entry + "}\n}\n";
    }

    private static String headers() {
        StringBuilder text = new StringBuilder();
        for (String header : List.of("arithmetic.cuh", "tableaux.cuh", "step.cuh", "follow.cuh", "solve.cuh")) {
            text.append(header(header).replaceAll("(?m)^#(include|pragma once).*\n", ""));
        }
        return text.toString();
    }

    private static String header(String name) {
        try (InputStream in = CudaSource.class.getResourceAsStream(name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + name, e);
        }
    }

    /** {@return what {@code solve.cuh} needs to know of a field and of events along its trajectories, in a working type} */
    static String formulae(OdeField field, List<OdeEvent> events, DType dtype) {
        String type = type(dtype);
        StringBuilder body = new StringBuilder();
        List<String> slopes = new Lines(field, dtype, body, 2).write(field.program(dtype));
        for (int i = 0; i < field.dimension(); i++) {
            line(body, 2, "slope[" + i + "] = " + slopes.get(i) + ";");
        }
        String text = FORMULAE.formatted(type, field.dimension(), field.parameters(), type, type, type, body);
        return events.isEmpty() ? text : text + events(field, events, dtype);
    }

    private static String events(OdeField field, List<OdeEvent> events, DType dtype) {
        StringBuilder functions = new StringBuilder();
        StringBuilder resets = new StringBuilder();
        for (int e = 0; e < events.size(); e++) {
            line(functions, 3, "case " + e + ": {");
            List<String> value = new Lines(field, dtype, functions, 4)
                    .write(Formulae.lower(events.get(e).function(), dtype));
            line(functions, 4, "return " + value.getFirst() + ";");
            line(functions, 3, "}");
            if (events.get(e).reset() != null) {
                line(resets, 3, "case " + e + ": {");
                reset(field, events.get(e), dtype, resets);
                line(resets, 4, "break;");
                line(resets, 3, "}");
            }
        }
        return EVENTS.formatted(
                type(dtype),
                events.size(),
                set(events, event -> event.crossing() != Crossing.FALLING),
                set(events, event -> event.crossing() != Crossing.RISING),
                set(events, OdeEvent::terminal),
                set(events, event -> event.reset() != null),
                functions,
                field.dimension(),
                resets);
    }

    /** The components that change, all from the old ones. */
    private static void reset(OdeField field, OdeEvent event, DType dtype, StringBuilder text) {
        List<String> state = new Lines(field, dtype, text, 4).write(Formulae.lower(event.reset(), dtype));
        StringBuilder changes = new StringBuilder();
        for (int i = 0; i < state.size(); i++) {
            if (!state.get(i).equals("y[" + i + "]")) {
                line(text, 4, "const " + type(dtype) + " y" + i + " = " + state.get(i) + ";");
                line(changes, 4, "y[" + i + "] = y" + i + ";");
            }
        }
        text.append(changes);
    }

    /** {@return an {@code EventSet}} */
    private static String set(List<OdeEvent> events, Predicate<OdeEvent> has) {
        long set = 0;
        for (int e = 0; e < events.size(); e++) {
            set |= has.test(events.get(e)) ? 1L << e : 0;
        }
        return "0x" + Long.toHexString(set) + "ull";
    }

    private static String type(DType dtype) {
        return dtype.toString().toLowerCase(Locale.ROOT);
    }

    /**
     * Writes programs of t, y and p down, an operation a line.
     *
     * @param field whose t, y and p they are
     * @param text to which lines are added
     * @param depth of the lines
     */
    private record Lines(OdeField field, DType dtype, StringBuilder text, int depth) {
        /** {@return how to write down the results} */
        List<String> write(Program program) {
            List<Instruction> all = program.instructions();
            String[] values = new String[all.size()];
            for (int i = 0; i < values.length; i++) {
                Instruction instruction = all.get(i);
                switch (instruction.operation()) {
                    case CONSTANT -> values[i] = literal(instruction.value(), dtype);
                    case INPUT -> values[i] = input(instruction.a(), field);
                    default -> {
                        values[i] = "v" + i;
                        line(
                                text,
                                depth,
                                "const " + type(dtype) + " v" + i + " = " + operation(instruction, values) + ";");
                    }
                }
            }
            return program.outputs().stream().map(output -> values[output]).toList();
        }
    }

    /** {@return the numbers of the methods and of the choice of steps} */
    static String tableaux() {
        StringBuilder text = new StringBuilder(HEAD.formatted("The numbers of io.quern.ode.Method and StepControl"));
        text.append(TABLEAUX);
        for (Method method : Method.values()) {
            int stages = method.stages();
            line(text, 0, "struct " + method.toString().toLowerCase(Locale.ROOT) + " {");
            line(text, 1, "static constexpr int ORDER = " + method.order() + ";");
            line(text, 1, "static constexpr int STAGES = " + stages + ";");
            line(text, 1, "static constexpr bool ADAPTIVE = " + method.adaptive() + ";");
            line(text, 1, "static constexpr bool QUARTIC = " + method.quartic() + ";");
            line(text, 1, "static constexpr Tableau<STAGES> TABLEAU = {");
            line(text, 2, "{");
            for (int i = 0; i < stages; i++) {
                int stage = i;
                line(text, 3, row(stages, j -> method.a(stage, j)) + ",");
            }
            line(text, 2, "},");
            line(text, 2, row(stages, method::b) + ",");
            line(text, 2, row(stages, method::c) + ",");
            line(text, 2, row(stages, method::error) + ",");
            line(text, 2, row(stages, method::quartic) + ",");
            line(text, 1, "};");
            line(text, 0, "};");
            line(text, 0, "");
        }
        polynomial(text, "LOG2", StepControl.LOG2);
        polynomial(text, "EXP2", StepControl.EXP2);
        line(text, 0, "");
        number(text, "STRETCH", StepControl.STRETCH);
        number(text, "MOST_SQUARE", StepControl.MOST_SQUARE);
        number(text, "LOG2_FIRST_ERROR", StepControl.LOG2_FIRST_ERROR);
        number(text, "LOG2_SAFETY", StepControl.LOG2_SAFETY);
        number(text, "LOG2_LEAST_FACTOR", StepControl.LOG2_LEAST_FACTOR);
        number(text, "LOG2_MOST_FACTOR", StepControl.LOG2_MOST_FACTOR);
        number(text, "SMALL_NORM", StepControl.SMALL_NORM);
        number(text, "SMALL_STEP", StepControl.SMALL_STEP);
        number(text, "FIRST_SHARE", StepControl.FIRST_SHARE);
        number(text, "NO_CURVATURE", StepControl.NO_CURVATURE);
        number(text, "MOST_GROWTH", StepControl.MOST_GROWTH);
        number(text, "FLAT_SHARE", StepControl.FLAT_SHARE);
        number(text, "LOG2_FIRST_SHARE", StepControl.LOG2_FIRST_SHARE);
        line(text, 0, "");
        line(text, 0, "}  // namespace ode");
        line(text, 0, "}  // namespace quern");
        return text.toString();
    }

    private static String row(int stages, IntToDoubleFunction number) {
        return list(IntStream.range(0, stages).mapToDouble(number).toArray());
    }

    private static String list(double[] numbers) {
        return Arrays.stream(numbers).mapToObj(Double::toString).collect(Collectors.joining(", ", "{", "}"));
    }

    private static void polynomial(StringBuilder text, String name, double[] coefficients) {
        String terms = name + "_TERMS";
        line(text, 0, "constexpr int " + terms + " = " + coefficients.length + ";");
        line(text, 0, "constexpr Polynomial<" + terms + "> " + name + " = {" + list(coefficients) + "};");
    }

    private static void number(StringBuilder text, String name, double value) {
        line(text, 0, "constexpr double " + name + " = " + value + ";");
    }

    private static void line(StringBuilder text, int depth, String line) {
        text.append("    ".repeat(depth)).append(line).append('\n');
    }

    /** {@return where an input of t, y and p is found} */
    private static String input(int number, OdeField field) {
        if (number == 0) {
            return "t";
        }
        int parameter = number - 1 - field.dimension();
        return parameter < 0 ? "y[" + (number - 1) + "]" : "p[" + parameter + "]";
    }

    private static String literal(double value, DType dtype) {
        double rounded = Arithmetic.of(dtype).round(value);
        if (dtype == DType.FP64) {
            return Double.isFinite(rounded)
                    ? Double.toHexString(rounded)
                    : "ofBits(static_cast<long long>(0x" + Long.toHexString(Double.doubleToLongBits(rounded)) + "ull))";
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
