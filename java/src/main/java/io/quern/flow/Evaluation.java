package io.quern.flow;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The arguments of {@link Flow#evaluate}.
 *
 * @param flow the model
 * @param points what is read
 * @param fields what is written
 */
public record Evaluation(Flow flow, Points points, Fields fields) implements Arguments {
    /** Checks everything but the device. */
    public Evaluation {
        Check.present("flow", flow);
        Check.present("points", points);
        Check.present("fields", fields);
        fields.check(points);
        Points.disjoint(points.roles(), fields.roles());
    }

    Evaluation map(UnaryOperator<Tensor> to) {
        return new Evaluation(flow, points.map(to), fields.map(to));
    }

    /** Whether a mean of the data weighted by slopes is needed beside the mean. */
    boolean weighsSlopes() {
        return (fields.score() != null || fields.divergence() != null)
                && !flow.noise().constantSlope();
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = points.roles();
        roles.addAll(fields.roles());
        return List.copyOf(roles);
    }

    /**
     * {@inheritDoc} An fma for a channel of a pair of a query and a datum in the product that gives distances, and one in that
     * which gives the mean; a second mean, weighted by slopes, where the score or the divergence of noise with a slope of its own
     * is asked for.
     */
    @Override
    public long flops() {
        int means = weighsSlopes() ? 2 : 1;
        return 2 * (1 + means) * points.count() * points.dataCount() * points.channels();
    }

    /** Takes the tensors of an evaluation by name. queries, data, a time and one output at the least must be named. */
    public static final class Roles extends PointRoles<Roles> {
        private Tensor mean;
        private Tensor logDensity;
        private Tensor velocity;
        private Tensor score;
        private Tensor divergence;

        Roles(Flow flow) {
            super(flow);
        }

        @Override
        Roles self() {
            return this;
        }

        /** What datum to expect behind each query, (queries, d), written. */
        public Roles mean(Tensor mean) {
            this.mean = mean;
            return this;
        }

        /** The logarithm of the density at each query, (queries), written. */
        public Roles logDensity(Tensor logDensity) {
            this.logDensity = logDensity;
            return this;
        }

        /** Where each query moves, (queries, d), written. */
        public Roles velocity(Tensor velocity) {
            this.velocity = velocity;
            return this;
        }

        /** The gradient of the density's logarithm, (queries, d), written. */
        public Roles score(Tensor score) {
            this.score = score;
            return this;
        }

        /** The divergence of the velocity, (queries), written. */
        public Roles divergence(Tensor divergence) {
            this.divergence = divergence;
            return this;
        }

        private Evaluation evaluation() {
            return new Evaluation(flow, points(), new Fields(mean, logDensity, velocity, score, divergence));
        }

        @Override
        public BoundCall bind(Stream stream) {
            return Flow.EVALUATE.bind(evaluation(), stream);
        }

        /** The same with a workspace that the caller gives and keeps. */
        public BoundCall bind(Stream stream, Tensor workspace) {
            return Flow.EVALUATE.bind(evaluation(), stream, workspace);
        }

        /** {@return how many bytes of workspace the evaluation needs on a stream} */
        public long workspaceBytes(Stream stream) {
            return Flow.EVALUATE.workspaceBytes(evaluation(), stream);
        }
    }

    /**
     * What an evaluation writes; null is not asked for.
     *
     * @param mean (queries, d)
     * @param logDensity (queries)
     * @param velocity (queries, d)
     * @param score (queries, d)
     * @param divergence (queries)
     */
    public record Fields(Tensor mean, Tensor logDensity, Tensor velocity, Tensor score, Tensor divergence) {
        void check(Points points) {
            DType dtype = points.dtype();
            long n = points.count();
            List<Role> roles = roles();
            Check.that(
                    !roles.isEmpty(),
                    "the outputs",
                    "one or more of mean, logDensity, velocity, score and divergence",
                    "none");
            for (Role role : roles) {
                Check.dtype(role.name(), role.tensor(), dtype);
                if (role.tensor() == logDensity || role.tensor() == divergence) {
                    Check.shape(role.name(), role.tensor(), n);
                } else {
                    Check.shape(role.name(), role.tensor(), n, points.channels());
                }
            }
        }

        List<Role> roles() {
            List<Role> roles = new ArrayList<>();
            add(roles, "mean", mean);
            add(roles, "logDensity", logDensity);
            add(roles, "velocity", velocity);
            add(roles, "score", score);
            add(roles, "divergence", divergence);
            return roles;
        }

        private static void add(List<Role> roles, String name, Tensor tensor) {
            if (tensor != null) {
                roles.add(Role.written(name, tensor));
            }
        }

        Fields map(UnaryOperator<Tensor> to) {
            return new Fields(
                    to.apply(mean), to.apply(logDensity), to.apply(velocity), to.apply(score), to.apply(divergence));
        }
    }
}
