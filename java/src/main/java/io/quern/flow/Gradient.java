package io.quern.flow;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The arguments of {@link Flow#gradient}.
 *
 * @param flow the model
 * @param points what is read
 * @param velocityGradient (queries, d); null for 0
 * @param meanGradient (queries, d); null for 0
 * @param logDensityGradient (queries); null for 0
 * @param queriesGradient (queries, d), written
 */
public record Gradient(
        Flow flow,
        Points points,
        Tensor velocityGradient,
        Tensor meanGradient,
        Tensor logDensityGradient,
        Tensor queriesGradient)
        implements Arguments {
    /** Checks everything but the device. */
    public Gradient {
        Check.present("flow", flow);
        Check.present("points", points);
        Check.that(
                velocityGradient != null || meanGradient != null || logDensityGradient != null,
                "the gradients",
                "one or more of velocityGradient, meanGradient and logDensityGradient",
                "none");
        if (velocityGradient != null) {
            Check.sameElements("velocityGradient", velocityGradient, "queries", points.queries());
        }
        if (meanGradient != null) {
            Check.sameElements("meanGradient", meanGradient, "queries", points.queries());
        }
        if (logDensityGradient != null) {
            Check.dtype("logDensityGradient", logDensityGradient, points.dtype());
            Check.shape("logDensityGradient", logDensityGradient, points.count());
        }
        Check.sameElements("queriesGradient", queriesGradient, "queries", points.queries());
        Points.disjoint(read(points, velocityGradient, meanGradient, logDensityGradient), written(queriesGradient));
    }

    private static List<Role> read(Points points, Tensor velocity, Tensor mean, Tensor logDensity) {
        List<Role> roles = new ArrayList<>(points.roles());
        if (velocity != null) {
            roles.add(Role.read("velocityGradient", velocity));
        }
        if (mean != null) {
            roles.add(Role.read("meanGradient", mean));
        }
        if (logDensity != null) {
            roles.add(Role.read("logDensityGradient", logDensity));
        }
        return roles;
    }

    private static List<Role> written(Tensor queriesGradient) {
        return List.of(Role.written("queriesGradient", queriesGradient));
    }

    Gradient map(UnaryOperator<Tensor> to) {
        return new Gradient(
                flow,
                points.map(to),
                to.apply(velocityGradient),
                to.apply(meanGradient),
                to.apply(logDensityGradient),
                to.apply(queriesGradient));
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = read(points, velocityGradient, meanGradient, logDensityGradient);
        roles.addAll(written(queriesGradient));
        return List.copyOf(roles);
    }

    /** {@inheritDoc} Four products over all pairs: distances, data by gradients, and two means weighted by slopes. */
    @Override
    public long flops() {
        return 2 * 4 * points.count() * points.dataCount() * points.channels();
    }

    /** Takes the tensors of a gradient by name. queries, data, a time, a gradient and queriesGradient must be named. */
    public static final class Roles extends PointRoles<Roles> {
        private Tensor velocityGradient;
        private Tensor meanGradient;
        private Tensor logDensityGradient;
        private Tensor queriesGradient;

        Roles(Flow flow) {
            super(flow);
        }

        @Override
        Roles self() {
            return this;
        }

        /** The gradient with respect to the velocity, (queries, d). */
        public Roles velocityGradient(Tensor velocityGradient) {
            this.velocityGradient = velocityGradient;
            return this;
        }

        /** The gradient with respect to the mean, (queries, d). */
        public Roles meanGradient(Tensor meanGradient) {
            this.meanGradient = meanGradient;
            return this;
        }

        /** The gradient with respect to the density's logarithm, (queries). */
        public Roles logDensityGradient(Tensor logDensityGradient) {
            this.logDensityGradient = logDensityGradient;
            return this;
        }

        /** The gradient with respect to the queries, (queries, d), written. */
        public Roles queriesGradient(Tensor queriesGradient) {
            this.queriesGradient = queriesGradient;
            return this;
        }

        private Gradient gradient() {
            return new Gradient(flow, points(), velocityGradient, meanGradient, logDensityGradient, queriesGradient);
        }

        @Override
        public BoundCall bind(Stream stream) {
            return Flow.GRADIENT.bind(gradient(), stream);
        }
    }
}
