package io.quern.ode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.Outcome;
import io.quern.TestDevices;
import java.util.List;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs {@link OdeCases} on every device, and what is not a case. */
class OdeTest {
    @TestFactory
    List<DynamicContainer> cases() {
        return TestDevices.all().stream()
                .map(device -> DynamicContainer.dynamicContainer(
                        device.name(),
                        OdeCases.all().stream()
                                .map(c -> DynamicTest.dynamicTest(c.toString(), () -> {
                                    Outcome outcome = c.on(device);
                                    assertTrue(outcome.passed(), () -> c + " on " + device + ": " + outcome);
                                }))))
                .toList();
    }

    /** The conditions of order 1 to 4 of the embedded solutions, one for each rooted tree (Butcher 1963). */
    @ParameterizedTest
    @EnumSource(names = {"BOGACKI_SHAMPINE_3_2", "DORMAND_PRINCE_5_4", "TSITOURAS_5_4"})
    void errorEstimatesVanishUpToTheEmbeddedOrder(Method method) {
        int n = method.stages();
        double[] ones = new double[n];
        double[] c = new double[n];
        for (int i = 0; i < n; i++) {
            ones[i] = 1;
            c[i] = method.c(i);
            double sum = 0;
            for (int j = 0; j < i; j++) {
                sum += method.a(i, j);
            }
            assertEquals(c[i], sum, 1e-14, "c of stage " + i);
        }
        double[] cc = product(c, c);
        double[][] trees = {
            ones,
            c, // order 2
            cc,
            image(method, c), // order 3
            product(cc, c),
            product(c, image(method, c)),
            image(method, cc),
            image(method, image(method, c)) // order 4
        };
        int count = method.order() == 3 ? 2 : 8;
        for (int tree = 0; tree < count; tree++) {
            double sum = 0;
            for (int i = 0; i < n; i++) {
                sum += method.error(i) * trees[tree][i];
            }
            assertEquals(0, sum, 2e-14, "tree " + tree);
        }
    }

    private static double[] image(Method method, double[] x) {
        double[] image = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            for (int j = 0; j < i; j++) {
                image[i] += method.a(i, j) * x[j];
            }
        }
        return image;
    }

    private static double[] product(double[] x, double[] y) {
        double[] product = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            product[i] = x[i] * y[i];
        }
        return product;
    }
}
