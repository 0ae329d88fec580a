package io.quern.flow;

import io.quern.Check;
import io.quern.KernelSet;
import io.quern.ode.Method;

/**
 * The ordinary differential equation that carries noise to data, given by the data itself: its velocity is attention of a point
 * to the data, with a score that depends on their distance.
 *
 * <pre>{@code
 * u_ij  = (x_i - alpha y_j) / sigma                  alpha, sigma of the schedule at the query's time
 * s_ij  = ln w_j + score(|u_ij|^2)                   score of the noise
 * p_ij  = e^{s_ij} / sum_j e^{s_ij}
 * mean_i        = sum_j p_ij y_j                     what datum to expect behind x_i
 * logDensity_i  = ln sum_j e^{s_ij} - ln sum_j w_j - d ln sigma + logConstant  =  ln p_t(x_i)
 * velocity_i    = (sigma'/sigma) (x_i - alpha mean_i) + alpha' mean_i          =  dx_i/dt
 * score_i       = grad ln p_t(x_i)
 * divergence_i  = div velocity(x_i)                  d ln p_t(x_t)/dt = -divergence along a trajectory
 * }</pre>
 *
 * <p>p_t is the density of x = alpha y + sigma u, y a datum with probability w_j, u the noise. It solves the continuity equation
 * with the velocity: points that start as samples of p_1 arrive at those of p_0, the data. kexue.fm 9280, 9305, 9370 and 9379;
 * probability flow of diffusions: arXiv 2011.13456, equation 13; Poisson flows: arXiv 2209.11178, equation 4; PFGM++: arXiv
 * 2302.04265, equation 3; flow matching: arXiv 2210.02747, equations 8 to 11.
 *
 * <p>Shapes: queries (queries, d), data (data, d), weights (data), times (1) or (queries) in FP64; mean, velocity and score
 * (queries, d), logDensity and divergence (queries). Rows have any distance, their channels are contiguous. FP64 and FP32.
 *
 * <pre>{@code
 * Flow.rectified().evaluate().queries(x).data(y).time(0.5).velocity(v).logDensity(l).run(stream);
 * }</pre>
 *
 * @param noise the density around a datum
 * @param schedule how it grows
 */
public record Flow(Noise noise, Schedule schedule) {
    static final KernelSet<Evaluation> EVALUATE =
            new KernelSet<>("flow_evaluate", FlowReference::evaluate, FlowVector.EVALUATE, FlowCuda.EVALUATE);

    static final KernelSet<Gradient> GRADIENT =
            new KernelSet<>("flow_gradient", FlowReference::gradient, FlowVector.GRADIENT, FlowCuda.GRADIENT);

    /** Checks that both are there. */
    public Flow {
        Check.present("noise", noise);
        Check.present("schedule", schedule);
    }

    /** {@return the variance-exploding diffusion with sigma = t} */
    public static Flow varianceExploding() {
        return new Flow(Noise.gaussian(), Schedule.exploding());
    }

    /** {@return the variance-preserving diffusion with beta linear between times 0 and 1; 0.1 and 20 in arXiv 2011.13456} */
    public static Flow variancePreserving(double betaMin, double betaMax) {
        return new Flow(Noise.gaussian(), Schedule.preserving(betaMin, betaMax));
    }

    /** {@return flow matching from a standard normal prior at time 1 along straight lines} */
    public static Flow rectified() {
        return straight(Noise.gaussian());
    }

    /** {@return flow matching from any prior at time 1 along straight lines} */
    public static Flow straight(Noise prior) {
        return new Flow(prior, Schedule.straight());
    }

    /** {@return the field of charges at the data in one dimension more, in which t is the height above them (PFGM)} */
    public static Flow poisson() {
        return augmented(1);
    }

    /** {@return PFGM++ with D dimensions more, t the distance in these} */
    public static Flow augmented(double dimensions) {
        return new Flow(Noise.student(dimensions), Schedule.exploding());
    }

    /** {@return noise that grows with sigma = t: isotropic forces with a distribution function of |x - y| / t} */
    public static Flow radial(Noise noise) {
        return new Flow(noise, Schedule.exploding());
    }

    /** {@return an evaluation whose tensors are named one by one} */
    public Evaluation.Roles evaluate() {
        return new Evaluation.Roles(this);
    }

    /**
     * {@return a gradient with respect to the queries, whose tensors are named one by one} Of a number that depends on velocities f, means m
     * and logarithms L of densities it is, for each query,
     *
     * <pre>{@code
     * a df + L' score + sum_j p_j (grad s_ij - score) ((y_j - mean) . (b df + dm))      a = sigma'/sigma, b = alpha' - a alpha
     * }</pre>
     *
     * <p>with df, dm and L' the number's gradients with respect to f, m and L.
     */
    public Gradient.Roles gradient() {
        return new Gradient.Roles(this);
    }

    /** {@return points carried along the flow by a Runge-Kutta method, whose tensors are named one by one} */
    public Sampler.Roles sample(Method method) {
        Check.present("method", method);
        return new Sampler.Roles(this, method);
    }

    /** {@return points carried along the flow by steps that are exact while their means stand still (DDIM)} */
    public Sampler.Roles sampleExactly() {
        return new Sampler.Roles(this, null);
    }
}
