package io.quern.ode;

import io.quern.Check;
import io.quern.Role;
import io.quern.Tensor;
import java.util.List;

/**
 * Times at which states are saved on the way.
 *
 * @param shared by all trajectories; null where each has its own
 * @param each of the working type, (points, batch); null where they are shared
 * @param saved of the working type, (points, dimension, batch), written
 */
record SavePoints(double[] shared, Tensor each, Tensor saved) {
    SavePoints {
        Check.present("saved", saved);
    }

    /** @param direction above 0 where the solve goes forward in time, below 0 where backward; 0: trajectories differ in it */
    void check(Trajectories trajectories, double direction) {
        Tensor state = trajectories.state();
        if (shared != null) {
            double ofPoints = shared.length > 1 ? shared[shared.length - 1] - shared[0] : 0;
            double sense = direction != 0 ? direction : ofPoints;
            String way = direction == 0 ? "" : direction > 0 ? ", forward in time" : ", backward in time";
            for (int i = 0; i < shared.length; i++) {
                double time = Arithmetic.of(state.dtype()).round(shared[i]);
                Check.that(Double.isFinite(time), "savePoints[" + i + "]", "finite in " + state.dtype(), shared[i]);
                Check.that(
                        i == 0 || (sense >= 0 ? shared[i] >= shared[i - 1] : shared[i] <= shared[i - 1]),
                        "savePoints[" + i + "]",
                        "in order after " + (i == 0 ? "none" : shared[i - 1] + way),
                        shared[i]);
            }
        } else {
            Check.dtype("savePoints", each, state.dtype());
            Check.shape("savePoints", each, -1, state.size(1));
        }
        Check.dtype("saved", saved, state.dtype());
        Check.shape("saved", saved, points(), state.size(0), state.size(1));
        trajectories.checkExtra("saved", saved);
        if (each != null) {
            Check.disjoint("saved", saved, "savePoints", each);
            Check.disjoint("out", trajectories.out(), "savePoints", each);
        }
    }

    int points() {
        return shared != null ? shared.length : Math.toIntExact(each.size(0));
    }

    /** {@return the time of a point of a trajectory} */
    double time(Arithmetic arithmetic, int point, long i) {
        return shared != null
                ? arithmetic.round(shared[point])
                : each.dtype().get(each.segment(), point * each.stride(0) + i);
    }

    void save(int point, int component, long i, double y) {
        saved.dtype().set(saved.segment(), point * saved.stride(0) + component * saved.stride(1) + i, y);
    }

    void addTo(List<Role> roles) {
        if (each != null) {
            roles.add(Role.read("savePoints", each));
        }
        roles.add(Role.written("saved", saved));
    }
}
