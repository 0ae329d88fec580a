package io.quern.rope;

import io.quern.Arguments;
import io.quern.Check;
import io.quern.Role;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments of {@link Rope#bindTable(io.quern.Stream, RopeTable)}.
 *
 * @param rope the settings
 * @param positions INT32, INT64, FP32 or FP64, (rows), (1, rows) or (batch, rows); with an axis of axes before these where
 *     frequencies have several; null: consecutive from the table's start, the same on each axis
 * @param table written: row i of batch b belongs to positions[b][i]
 */
public record Tabulation(Rope rope, Tensor positions, RopeTable table) implements Arguments {
    /** Floating-point operations of one cosine and sine: 9 to reduce the angle, 1 to square it, 29 for the polynomials. */
    static final long FLOPS = 39;

    /** Checks everything but the device. */
    public Tabulation {
        Check.present("rope", rope);
        Check.present("table", table);
        Check.that(
                table.pairs() == rope.pairs(),
                "cosine",
                rope.pairs() + " columns wide, a column for each pair of channels",
                table.cosine());
        Check.writable("cosine", table.cosine());
        Check.writable("sine", table.sine());
        Check.disjoint("cosine", table.cosine(), "sine", table.sine());
        if (positions != null) {
            PositionsLayout.check(
                    "positions",
                    positions,
                    rope.frequencies().axes(),
                    table.batches(),
                    table.rows(),
                    rope.frequencies().positionTypes());
            Check.disjoint("cosine", table.cosine(), "positions", positions);
            Check.disjoint("sine", table.sine(), "positions", positions);
        }
    }

    /** Where the positions come from. */
    PositionsLayout positionsLayout() {
        return positions == null
                ? PositionsLayout.consecutive(table.start())
                : PositionsLayout.of(rope.frequencies().axes(), positions, 0);
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>();
        if (positions != null) {
            roles.add(Role.read("positions", positions));
        }
        roles.add(Role.written("cosine", table.cosine()));
        roles.add(Role.written("sine", table.sine()));
        return List.copyOf(roles);
    }

    /** Positions read, cosines and sines written. */
    @Override
    public long bytes() {
        long positionBytes = positions == null
                ? 0
                : positions.elementCount() * positions.dtype().bytes();
        return 2 * table.cosine().elementCount() * table.dtype().bytes() + positionBytes;
    }

    @Override
    public long flops() {
        return FLOPS * table.cosine().elementCount();
    }
}
