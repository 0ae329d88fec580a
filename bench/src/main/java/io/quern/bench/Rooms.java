package io.quern.bench;

import io.quern.bench.measure.Subject;
import java.util.ArrayList;
import java.util.List;

/** What the workbench knows of the library: the one place to add a room to. */
public final class Rooms {
    private Rooms() {}

    /** {@return everything that can be timed, in the order of the report} */
    public static List<Subject> subjects() {
        List<Subject> all = new ArrayList<>();
        return List.copyOf(all);
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
