package io.quern.flow;

import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What every operation of a {@link Flow} reads.
 *
 * @param queries (queries, d), FP64 or FP32
 * @param data (data, d), at least one, of the type of queries
 * @param weights (data), of the type of queries; null where all data are alike
 * @param time of all queries; NaN where there are times
 * @param times FP64, (queries) or (1); null where there is one time
 */
public record Points(Tensor queries, Tensor data, Tensor weights, double time, Tensor times) {
    /** With a time checked against a schedule. */
    Points(Schedule schedule, Tensor queries, Tensor data, Tensor weights, double time, Tensor times) {
        this(queries, data, weights, time, times);
        if (times == null) {
            Check.that(
                    Double.isFinite(time) && schedule.sigma(time) > 0 && Double.isFinite(schedule.sigma(time)),
                    "time",
                    "finite and such that sigma is above 0",
                    time);
        }
    }

    /** Checks types and shapes. */
    public Points {
        Check.dtype("queries", queries, DType.FP64, DType.FP32);
        Check.rank("queries", queries, 2);
        Check.range("d, the channels of queries", queries.size(1), 1, 1 << 22);
        Check.dtype("data", data, queries.dtype());
        Check.shape("data", data, -1, queries.size(1));
        Check.that(data.size(0) > 0, "data", "one datum or more", data);
        if (weights != null) {
            Check.dtype("weights", weights, queries.dtype());
            Check.shape("weights", weights, data.size(0));
        }
        if (times != null) {
            Check.dtype("times", times, DType.FP64);
            Check.rank("times", times, 1);
            Check.that(
                    times.size(0) == 1 || times.size(0) == queries.size(0),
                    "times",
                    "of shape (1) or (" + queries.size(0) + ")",
                    times);
        }
    }

    Points map(UnaryOperator<Tensor> to) {
        return new Points(to.apply(queries), to.apply(data), to.apply(weights), time, to.apply(times));
    }

    DType dtype() {
        return queries.dtype();
    }

    long count() {
        return queries.size(0);
    }

    long dataCount() {
        return data.size(0);
    }

    int channels() {
        return (int) queries.size(1);
    }

    /** How many times there are: one, or one a query. */
    long timeCount() {
        return times == null ? 1 : times.size(0);
    }

    /** The time of a query, on the host. */
    double time(long query) {
        return times == null
                ? time
                : times.dtype().get(times.segment(), times.size(0) == 1 ? 0 : query * times.stride(0));
    }

    List<Role> roles() {
        List<Role> roles = new ArrayList<>();
        roles.add(Role.read("queries", queries));
        roles.add(Role.read("data", data));
        if (weights != null) {
            roles.add(Role.read("weights", weights));
        }
        if (times != null) {
            roles.add(Role.read("times", times));
        }
        return roles;
    }

    /** Checks that nothing which is written overlaps anything else. */
    static void disjoint(List<Role> read, List<Role> written) {
        for (int w = 0; w < written.size(); w++) {
            Role output = written.get(w);
            for (Role input : read) {
                Check.disjoint(output.name(), output.tensor(), input.name(), input.tensor());
            }
            for (Role other : written.subList(0, w)) {
                Check.disjoint(output.name(), output.tensor(), other.name(), other.tensor());
            }
        }
    }
}
