package io.quern.attention;

import io.quern.Arguments;
import io.quern.Check;
import io.quern.Role;
import io.quern.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * The arguments of {@link PagedCache#append}.
 *
 * @param cache written
 * @param newKeys (sequences, keyHeads, tokens, headDim)
 * @param newValues (sequences, keyHeads, tokens, valueDim)
 */
record PagedAppend(PagedCache cache, Tensor newKeys, Tensor newValues) implements Arguments {
    PagedAppend {
        Check.present("cache", cache);
        Check.dtype("newKeys", newKeys, cache.besideTypes());
        Tensor keys = cache.keys();
        Check.shape("newKeys", newKeys, cache.sequences(), keys.size(1), -1, keys.size(3));
        Check.dtype("newValues", newValues, newKeys.dtype());
        Check.shape(
                "newValues",
                newValues,
                cache.sequences(),
                keys.size(1),
                newKeys.size(2),
                cache.values().size(3));
        Forward.disjoint(read(cache, newKeys, newValues), written(cache));
    }

    private static List<Role> read(PagedCache cache, Tensor newKeys, Tensor newValues) {
        return List.of(
                Role.read("newKeys", newKeys),
                Role.read("newValues", newValues),
                Role.read("pages", cache.pages()),
                Role.read("lengths", cache.lengths()));
    }

    private static List<Role> written(PagedCache cache) {
        return List.of(Role.written("keys", cache.keys()), Role.written("values", cache.values()));
    }

    PagedAppend map(UnaryOperator<Tensor> to) {
        return new PagedAppend(cache.map(to), to.apply(newKeys), to.apply(newValues));
    }

    @Override
    public List<Role> roles() {
        List<Role> roles = new ArrayList<>(read(cache, newKeys, newValues));
        roles.addAll(written(cache));
        return List.copyOf(roles);
    }

    @Override
    public long flops() {
        return 0;
    }
}
