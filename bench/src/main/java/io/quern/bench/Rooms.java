package io.quern.bench;

import io.quern.Case;
import io.quern.attention.AttentionCases;
import io.quern.bench.attention.AttentionBench;
import io.quern.bench.flow.FlowBench;
import io.quern.bench.linear.LinearBench;
import io.quern.bench.lion.LionBench;
import io.quern.bench.measure.Subject;
import io.quern.bench.ode.OdeBench;
import io.quern.bench.rope.RopeBench;
import io.quern.flow.FlowCases;
import io.quern.linear.LinearCases;
import io.quern.lion.LionCases;
import io.quern.ode.OdeCases;
import io.quern.rope.RopeCases;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/** What the workbench knows of the library: the one place to add a room to. */
public final class Rooms {
    private static final List<String> NAMES = List.of("attention", "flow", "linear", "lion", "ode", "rope");

    /** One file of kernels each; ode has many, a field at a time. */
    private static final List<String> WITH_PTX = List.of("attention", "flow", "linear", "lion", "rope");

    private Rooms() {}

    /** {@return the kernel families} */
    public static List<String> names() {
        return NAMES;
    }

    /** {@return those whose CUDA kernels lie in one file of their name} */
    public static List<String> withPtx() {
        return WITH_PTX;
    }

    /**
     * Checks that there is such a room.
     *
     * @throws IllegalArgumentException naming those that there are
     */
    public static void checkName(String room) {
        if (!NAMES.contains(room)) {
            throw new IllegalArgumentException(
                    "no room is named \"" + room + "\"; rooms are " + String.join(", ", NAMES));
        }
    }

    /** {@return every case of every room} */
    public static List<Case> cases() {
        List<Case> all = new ArrayList<>();
        all.addAll(AttentionCases.all());
        all.addAll(FlowCases.all());
        all.addAll(LinearCases.all());
        all.addAll(LionCases.all());
        all.addAll(OdeCases.all());
        all.addAll(RopeCases.all());
        return List.copyOf(all);
    }

    /** {@return everything that can be timed, in the order of the report} */
    public static List<Subject> subjects() {
        List<Subject> all = new ArrayList<>();
        all.addAll(AttentionBench.subjects());
        all.addAll(FlowBench.subjects());
        all.addAll(LinearBench.subjects());
        all.addAll(LionBench.subjects());
        all.addAll(OdeBench.subjects());
        all.addAll(RopeBench.subjects());
        return List.copyOf(all);
    }

    /**
     * {@return the subjects that a regular expression finds in their ids; upper and lower case are the same}
     *
     * @throws IllegalArgumentException if it is none, or finds nothing
     */
    public static List<Subject> subjects(String filter) {
        Pattern pattern;
        try {
            pattern = Pattern.compile(filter, Pattern.CASE_INSENSITIVE);
        } catch (PatternSyntaxException wrong) {
            throw new IllegalArgumentException("FILTER is no regular expression: " + wrong.getDescription());
        }
        List<Subject> found =
                subjects().stream().filter(subject -> subject.matches(pattern)).toList();
        if (found.isEmpty()) {
            throw findsNothing(filter);
        }
        return found;
    }

    /** {@return of each benchmark and type the subject that touches least} */
    static List<Subject> smallest(List<Subject> found) {
        Map<String, Subject> smallest = new LinkedHashMap<>();
        for (Subject subject : found) {
            smallest.merge(
                    subject.benchmark() + "/" + subject.dtype(),
                    subject,
                    (a, b) -> b.work().footprint() < a.work().footprint() ? b : a);
        }
        return List.copyOf(smallest.values());
    }

    /** {@return what to throw where a filter leaves nothing: it names the benchmarks} */
    static IllegalArgumentException findsNothing(String filter) {
        Set<String> names = new LinkedHashSet<>();
        subjects().forEach(subject -> names.add(subject.benchmark()));
        return new IllegalArgumentException(
                "FILTER \"" + filter + "\" finds nothing; benchmarks are " + String.join(", ", names));
    }

    /**
     * {@return the subject of that id}
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Subject subject(String id) {
        return subjects().stream()
                .filter(subject -> subject.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no benchmark is called \"" + id + "\""));
    }
}
