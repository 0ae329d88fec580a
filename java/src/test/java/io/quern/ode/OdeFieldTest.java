package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** How a definition becomes instructions, and which mistakes are found on the way. */
class OdeFieldTest {
    @Test
    void whatIsWrittenTwiceIsComputedOnce() {
        OdeField field = OdeField.of(
                2,
                0,
                (t, y, p) -> List.of(
                        y.at(0).times(y.at(1)).plus(y.at(0)),
                        y.at(0).plus(y.at(1).times(y.at(0)))));
        // y0, y1, their product, the sum.
        assertEquals(4, field.program().instructions().size(), field.program()::toString);
        assertEquals(field.program().outputs().get(0), field.program().outputs().get(1));
    }

    @Test
    void zerosOfBothSignsAreNotTheSame() {
        OdeField field = OdeField.of(2, 0, (t, y, p) -> List.of(Expression.of(0.0), Expression.of(-0.0)));
        assertEquals(2, field.program().instructions().size());
    }

    @Test
    void sumsMayBeLong() {
        int terms = 100_000;
        OdeField field = OdeField.of(1, 0, (t, y, p) -> {
            Expression sum = y.at(0);
            for (int i = 1; i < terms; i++) {
                sum = sum.plus(i);
            }
            return List.of(sum);
        });
        assertEquals(2 * terms - 1, field.program().instructions().size());
    }

    @Test
    void whatAllStagesShareIsSharedInDeepGraphs() {
        // Without sharing this would be 2^60 instructions.
        OdeField field = OdeField.of(1, 0, (t, y, p) -> {
            Expression x = y.at(0);
            for (int i = 0; i < 60; i++) {
                x = x.plus(x);
            }
            return List.of(x);
        });
        assertEquals(61, field.program().instructions().size());
    }

    static Stream<Arguments> mistakes() {
        Expression[] stolen = new Expression[1];
        return Stream.of(
                mistake(
                        "component that does not exist",
                        2,
                        0,
                        (t, y, p) -> List.of(y.at(0), y.at(2)),
                        "y.at(2)",
                        "0..1"),
                mistake("negative index", 1, 0, (t, y, p) -> List.of(y.at(-1)), "y.at(-1)", "0..0"),
                mistake("parameter of none", 1, 0, (t, y, p) -> List.of(p.at(0)), "p.at(0)", "no parameters"),
                mistake("NaN", 1, 0, (t, y, p) -> List.of(y.at(0).times(Double.NaN)), "finite", "NaN"),
                mistake("infinite", 1, 0, (t, y, p) -> List.of(y.at(0).min(1.0 / 0)), "finite", "Infinity"),
                mistake("null operand", 1, 0, (t, y, p) -> List.of(y.at(0).plus(null)), "null"),
                mistake("null derivative", 1, 0, (t, y, p) -> Arrays.asList((Expression) null), "y.at(0)", "null"),
                mistake("too few derivatives", 2, 0, (t, y, p) -> List.of(y.at(0)), "2", "1"),
                mistake("no derivatives", 2, 0, (t, y, p) -> null, "2", "null"),
                mistake(
                        "unused parameter",
                        1,
                        3,
                        (t, y, p) -> List.of(p.at(0).plus(p.at(2))),
                        "p.at(1)",
                        "3",
                        "never used"),
                mistake(
                        "expression of another field",
                        1,
                        0,
                        (t, y, p) -> {
                            OdeField.of(1, 0, (t2, y2, p2) -> {
                                stolen[0] = y2.at(0);
                                return List.of(t2);
                            });
                            return List.of(stolen[0]);
                        },
                        "another"));
    }

    private static Arguments mistake(
            String name, int dimension, int parameters, OdeField.Definition definition, String... parts) {
        return Arguments.of(name, dimension, parameters, definition, parts);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("mistakes")
    void mistakesNameTheLine(
            String name, int dimension, int parameters, OdeField.Definition definition, String[] parts) {
        String message = assertThrows(
                        IllegalArgumentException.class, () -> OdeField.of(dimension, parameters, definition))
                .getMessage();
        for (String part : parts) {
            assertTrue(message.contains(part), message);
        }
        assertTrue(message.matches("(?s).*\\(OdeFieldTest\\.java:\\d+\\)"), message);
    }
}
