package io.quern.linear;

import static io.quern.DType.BF16;
import static io.quern.DType.FP16;
import static io.quern.DType.FP32;
import static io.quern.DType.FP64;

import io.quern.BoundCall;
import io.quern.Check;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.Arrays;

/**
 * Steps of a linear equation z' = A z, for many positions at once: what extrapolates a feature map from a part of it (Chen et
 * al., "Self-Supervised Learning based on Heat Equation", arXiv 2211.13228; kexue.fm 9359). There z(x, y) obeys
 * z_x = A z and z_y = B z, and if A and B commute z(x, y) = exp(xA + yB) z(0, 0) whatever the path; skew ones that commute are
 * rotary embeddings of two axes.
 *
 * <pre>
 *   z(x + h)  =  P z(x)        P  =  I + hA                              EULER
 *                                    (I - hA/2)^-1 (I + hA/2)            CRANK_NICOLSON
 *                                    exp(hA)                             EXPONENTIAL
 *
 *   dz  =  P^T dz'             dP  =  sum over positions of dz' z^T       dA by dP: {@link #generatorGradient}
 * </pre>
 *
 * <p>P is formed once ({@link #form}), in FP64 on the host, and rounded to its tensor's type; steps and their gradients are
 * products of matrices ({@link Gemm}) on any device. z is (..., positions, d), a row a position; A and P are (d, d), or several
 * such, one for each index of the axes before positions.
 *
 * <pre>{@code
 * Propagator right = new Propagator(Propagator.Scheme.EULER, dx);
 * right.form(a, p);
 * right.step(stream, p, z, next);
 * }</pre>
 *
 * @param scheme how P approximates exp(hA)
 * @param h the step, finite
 */
public record Propagator(Scheme scheme, double h) {
    /** Approximations of exp(hA). */
    public enum Scheme {
        /** Of first order. */
        EULER,
        /** Of second order; of norm 1 where A is skew, below 1 where A's eigenvalues have negative real parts. */
        CRANK_NICOLSON,
        /** Exact. */
        EXPONENTIAL
    }

    /** Checks the step. */
    public Propagator {
        Check.present("scheme", scheme);
        Check.range("h", h, -Double.MAX_VALUE, Double.MAX_VALUE);
    }

    /**
     * Forms P on the host; waits for the device where it has to read or write there.
     *
     * @param a (..., d, d), floating
     * @param p of the type and shape of a; written; a itself, or apart from it
     */
    public void form(Tensor a, Tensor p) {
        check("a", a);
        Check.sameElements("p", p, "a", a);
        Check.writable("p", p);
        Check.disjointOrSame("p", p, "a", a);
        forEach(a, a, p, (generator, _) -> propagator(generator.times(h)));
    }

    /**
     * Makes one step of all positions.
     *
     * @param p (..., d, d)
     * @param z (..., positions, d)
     * @param out of the type and shape of z; written; apart from both
     */
    public void step(Stream stream, Tensor p, Tensor z, Tensor out) {
        try (BoundCall call = bind(stream, p, z, out)) {
            call.run();
        }
    }

    /** Prepares {@link #step}, to be run as often as one likes. */
    public BoundCall bind(Stream stream, Tensor p, Tensor z, Tensor out) {
        Check.sameElements("out", out, "z", z);
        return Gemm.PRODUCT.transposeB().bind(stream, z, p, out);
    }

    /**
     * Prepares the gradient with respect to z.
     *
     * @param p that of the step
     * @param outGradient the gradient with respect to out
     * @param zGradient of the type and shape of outGradient; written
     */
    public BoundCall bindStateGradient(Stream stream, Tensor p, Tensor outGradient, Tensor zGradient) {
        Check.sameElements("zGradient", zGradient, "outGradient", outGradient);
        return Gemm.PRODUCT.bind(stream, outGradient, p, zGradient);
    }

    /**
     * Prepares the gradient with respect to P, summed over positions.
     *
     * @param z that of the step
     * @param outGradient the gradient with respect to out, of the shape of z
     * @param pGradient (..., d, d); written
     */
    public BoundCall bindPropagatorGradient(Stream stream, Tensor z, Tensor outGradient, Tensor pGradient) {
        Check.sameElements("outGradient", outGradient, "z", z);
        return Gemm.PRODUCT.transposeA().bind(stream, outGradient, z, pGradient);
    }

    /**
     * Computes the gradient with respect to A from that with respect to P, on the host.
     *
     * @param a that of {@link #form}
     * @param pGradient of the type and shape of a
     * @param aGradient of the type and shape of a; written; pGradient itself, or apart from both
     */
    public void generatorGradient(Tensor a, Tensor pGradient, Tensor aGradient) {
        check("a", a);
        Check.sameElements("pGradient", pGradient, "a", a);
        Check.sameElements("aGradient", aGradient, "a", a);
        Check.writable("aGradient", aGradient);
        Check.disjoint("aGradient", aGradient, "a", a);
        Check.disjointOrSame("aGradient", aGradient, "pGradient", pGradient);
        forEach(
                a,
                pGradient,
                aGradient,
                (generator, gradient) ->
                        pulledBack(generator.times(h), gradient).times(h));
    }

    private HostMatrix propagator(HostMatrix m) {
        HostMatrix one = HostMatrix.identity(m.rows());
        return switch (scheme) {
            case EULER -> one.plus(m);
            case CRANK_NICOLSON -> one.plus(-0.5, m).solve(one.plus(0.5, m));
            case EXPONENTIAL -> MatrixExponential.of(m);
        };
    }

    /** The transpose of P's derivative with respect to m = hA, applied to a gradient. */
    private HostMatrix pulledBack(HostMatrix m, HostMatrix gradient) {
        HostMatrix one = HostMatrix.identity(m.rows());
        return switch (scheme) {
            case EULER -> gradient;
            case CRANK_NICOLSON ->
                // dP = (I - m/2)^-1 (dm/2) (I + P)
                one.plus(-0.5, m)
                        .transposed()
                        .solve(gradient.times(one.plus(propagator(m)).transposed()))
                        .times(0.5);
            case EXPONENTIAL -> MatrixExponential.derivative(m.transposed(), gradient);
        };
    }

    private static void check(String name, Tensor a) {
        Check.dtype(name, a, FP64, FP32, FP16, BF16);
        Check.that(a.rank() >= 2, name, "a matrix or several", a);
        Check.that(a.size(-1) == a.size(-2), name, "square", a);
    }

    private interface OfTwo {
        HostMatrix apply(HostMatrix first, HostMatrix second);
    }

    private static void forEach(Tensor first, Tensor second, Tensor to, OfTwo function) {
        double[] firsts = first.toDoubleArray();
        double[] seconds = second.toDoubleArray();
        double[] results = new double[firsts.length];
        int d = (int) first.size(-1);
        for (int at = 0; at < firsts.length; at += d * d) {
            HostMatrix result = function.apply(matrix(firsts, at, d), matrix(seconds, at, d));
            System.arraycopy(result.elements(), 0, results, at, d * d);
        }
        to.copyFrom(results);
    }

    private static HostMatrix matrix(double[] elements, int at, int d) {
        return new HostMatrix(d, d, Arrays.copyOfRange(elements, at, at + d * d));
    }
}
