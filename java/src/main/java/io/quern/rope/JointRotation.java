package io.quern.rope;

import io.quern.Arguments;
import io.quern.BoundCall;
import io.quern.Check;
import io.quern.DType;
import io.quern.Role;
import io.quern.Stream;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The arguments of {@link Rope#rotateJointly}.
 *
 * @param query the rotation of the queries, which says how and by what angles
 * @param key (tokens, keyHeads, headDim) or (batch, tokens, keyHeads, headDim), of the type, batches and tokens of the queries
 * @param keyOut of the shape of key, written; or where there are slots a cache, (slots, keyHeads, headDim) for all batches or
 *     (batch, slots, keyHeads, headDim)
 * @param value (tokens, valueHeads, valueDim) or (batch, tokens, valueHeads, valueDim), to be copied into the cache; null: none
 * @param valueOut its cache, shaped likewise, with as many slots as that of the keys, written
 * @param slots INT32 or INT64, (tokens), (1, tokens) or (batch, tokens): where in the cache a token goes; null: no cache
 */
public record JointRotation(Rotation query, Tensor key, Tensor keyOut, Tensor value, Tensor valueOut, Tensor slots)
        implements Arguments {
    /** Checks everything but the device. */
    public JointRotation {
        Check.present("query", query);
        checkTokens("key", key, query.x(), query.rope().headDim());
        if (slots == null) {
            Check.sameElements("keyOut", keyOut, "key", key);
            Check.disjointOrSame("keyOut", keyOut, "key", key);
            Check.that(value == null, "value", "absent where there are no slots", value);
            Check.that(valueOut == null, "valueOut", "absent where there are no slots", valueOut);
        } else {
            HeadsLayout layout = query.xLayout();
            PositionsLayout.check("slots", slots, 1, layout.batches(), layout.tokens(), DType.INT32, DType.INT64);
            checkCache("keyOut", keyOut, "key", key, layout.batches());
            if (value == null) {
                Check.that(valueOut == null, "valueOut", "absent where there are no values", valueOut);
            } else {
                checkTokens("value", value, query.x(), -1);
                checkCache("valueOut", valueOut, "value", value, layout.batches());
                Check.that(
                        valueOut.size(-3) == keyOut.size(-3),
                        "valueOut",
                        "of as many slots as keyOut, " + keyOut.size(-3),
                        valueOut);
            }
        }
        List<Role> written = written(query, keyOut, valueOut);
        for (int i = 0; i < written.size(); i++) {
            Role out = written.get(i);
            Check.writable(out.name(), out.tensor());
            for (Role other : written.subList(0, i)) {
                Check.disjoint(out.name(), out.tensor(), other.name(), other.tensor());
            }
            for (Role read : read(query, key, value, slots)) {
                boolean own = out.name().equals(read.name() + "Out")
                        && (slots == null || read.name().equals("query"));
                if (!own) {
                    Check.disjoint(out.name(), out.tensor(), read.name(), read.tensor());
                }
            }
        }
    }

    private static void checkTokens(String name, Tensor tensor, Tensor x, long width) {
        Check.dtype(name, tensor, x.dtype());
        if (x.rank() == 3) {
            Check.shape(name, tensor, x.size(0), -1, width);
        } else {
            Check.shape(name, tensor, x.size(0), x.size(1), -1, width);
        }
    }

    private static void checkCache(String name, Tensor cache, String newName, Tensor tokens, long batches) {
        Check.dtype(name, cache, tokens.dtype());
        boolean own = cache.rank() == 4 && cache.size(0) == batches;
        Check.that(
                (cache.rank() == 3 || own) && cache.size(-2) == tokens.size(-2) && cache.size(-1) == tokens.size(-1),
                name,
                "a cache (slots, heads, width) or (" + batches + ", slots, heads, width) for " + newName + " " + tokens,
                cache);
    }

    private static List<Role> read(Rotation query, Tensor key, Tensor value, Tensor slots) {
        List<Role> roles = new ArrayList<>();
        for (Role role : query.roles()) {
            if (role.use() == Role.Use.READ) {
                roles.add(role.name().equals("x") ? Role.read("query", role.tensor()) : role);
            }
        }
        roles.add(Role.read("key", key));
        if (value != null) {
            roles.add(Role.read("value", value));
        }
        if (slots != null) {
            roles.add(Role.read("slots", slots));
        }
        return roles;
    }

    private static List<Role> written(Rotation query, Tensor keyOut, Tensor valueOut) {
        List<Role> roles = new ArrayList<>();
        roles.add(Role.written("queryOut", query.out()));
        roles.add(Role.written("keyOut", keyOut));
        if (valueOut != null) {
            roles.add(Role.written("valueOut", valueOut));
        }
        return roles;
    }

    /** Whether the keys themselves are rotated. */
    boolean keyInPlace() {
        return keyOut.address() == key.address();
    }

    /** Where in the key's output a token goes; the output has {@link #capacity} places. */
    PositionsLayout slotsLayout() {
        return slots == null ? PositionsLayout.consecutive(0) : PositionsLayout.of(1, slots, 0);
    }

    /** How many tokens the key's output holds, of each batch. */
    long capacity() {
        return keyOut.size(-3);
    }

    /** The same by the rows of a table made for it, one a token. */
    JointRotation byRowsOf(RopeTable rows) {
        return new JointRotation(query.byRowsOf(rows), key, keyOut, value, valueOut, slots);
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>(read(query, key, value, slots));
        roles.addAll(written(query, keyOut, valueOut));
        return List.copyOf(roles);
    }

    /** Those of the queries; keys read and written, the channels that turn or out of place all; values; slots. */
    @Override
    public long bytes() {
        Rope rope = query.rope();
        long channels = keyInPlace() ? rope.rotaryDim() : rope.headDim();
        long keyElements = key.elementCount() / rope.headDim() * channels;
        long valueElements = value == null ? 0 : value.elementCount();
        long slotBytes =
                slots == null ? 0 : slots.elementCount() * slots.dtype().bytes();
        return query.bytes() + 2 * (keyElements + valueElements) * key.dtype().bytes() + slotBytes;
    }

    @Override
    public long flops() {
        return query.flops()
                + 6
                        * (key.elementCount() / query.rope().headDim())
                        * query.rope().pairs();
    }

    /** Takes the tensors by name. {@code query} and {@code key} must be named; what is not is as in {@link Rotation.Roles}. */
    public static final class Roles {
        private final Rotation.Roles query;
        private Tensor key;
        private Tensor keyOut;
        private Tensor value;
        private Tensor valueOut;
        private Tensor slots;

        Roles(Rope rope) {
            this.query = rope.rotate();
        }

        /** Which way the pairs turn. */
        public Roles direction(Direction direction) {
            query.direction(direction);
            return this;
        }

        /** The queries, rotated in place. */
        public Roles query(Tensor query) {
            return query(query, query);
        }

        /** The queries, (tokens, heads, headDim) or (batch, tokens, heads, headDim), and where they go. */
        public Roles query(Tensor query, Tensor out) {
            this.query.x(query).out(out);
            return this;
        }

        /** The keys, rotated in place. */
        public Roles key(Tensor key) {
            return key(key, key);
        }

        /** The keys, of as many tokens as the queries and any number of heads, and where they go: with slots, their cache. */
        public Roles key(Tensor key, Tensor out) {
            this.key = key;
            this.keyOut = out;
            return this;
        }

        /** The values, which do not turn, and their cache. */
        public Roles value(Tensor value, Tensor cache) {
            this.value = value;
            this.valueOut = cache;
            return this;
        }

        /**
         * Where in the cache each token goes, INT32 or INT64, (tokens), (1, tokens) or (batch, tokens). A token whose slot
         * the cache lacks, such as -1, is not written. Slots of one cache must differ, else one of the tokens is kept, and
         * which one is not said.
         */
        public Roles slots(Tensor slots) {
            this.slots = slots;
            return this;
        }

        /** Takes cosines and sines from a table: {@link Rotation.Roles#table}. */
        public Roles table(RopeTable table) {
            query.table(table);
            return this;
        }

        /** The position of each token: {@link Rotation.Roles#positions}. */
        public Roles positions(Tensor positions) {
            query.positions(positions);
            return this;
        }

        /** A ragged batch: {@link Rotation.Roles#sequenceStarts}. */
        public Roles sequenceStarts(Tensor sequenceStarts) {
            query.sequenceStarts(sequenceStarts);
            return this;
        }

        /** Consecutive positions from this one on. */
        public Roles start(long start) {
            query.start(start);
            return this;
        }

        /**
         * Checks everything and prepares the call.
         *
         * @throws IllegalArgumentException naming the tensor, what was expected and what it is
         */
        public BoundCall bind(Stream stream) {
            return Rope.JOINT_ROTATION.bind(arguments(), stream);
        }

        /** Binds and runs once. On CUDA without a table it waits for the stream, since it frees what it computed. */
        public void run(Stream stream) {
            try (BoundCall call = bind(stream)) {
                call.run();
            }
        }

        /** {@return the arguments, checked} */
        public JointRotation arguments() {
            return new JointRotation(query.arguments(), key, keyOut, value, valueOut, slots);
        }
    }
}
