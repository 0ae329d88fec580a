package io.quern.bench.machine;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The PTX of a room for one architecture, as the library carries it.
 *
 * @param room the kernel family
 * @param target the architecture it is written for: {@code compute_80}
 * @param version of the PTX language that it states; empty if the file is missing
 * @param kernels how many it has
 */
public record Ptx(String room, String target, String version, int kernels) {
    /** The architectures that each room is built for. */
    public static final List<String> TARGETS = List.of("compute_75", "compute_80");

    /** {@return those of some rooms, missing ones included} */
    public static List<Ptx> of(List<String> rooms) {
        List<Ptx> all = new ArrayList<>();
        for (String room : rooms) {
            for (String target : TARGETS) {
                all.add(read(room, target));
            }
        }
        return all;
    }

    /** {@return whether the library carries it} */
    public boolean present() {
        return !version.isEmpty();
    }

    private static Ptx read(String room, String target) {
        String text = text("/io/quern/ptx/" + target + "/" + room + ".ptx");
        Optional<String> version = text.lines()
                .filter(line -> line.startsWith(".version "))
                .map(line -> line.substring(".version ".length()).strip())
                .findFirst();
        int kernels =
                (int) text.lines().filter(line -> line.contains(".entry ")).count();
        return new Ptx(room, target, version.orElse(""), kernels);
    }

    private static String text(String resource) {
        try (InputStream file = Ptx.class.getResourceAsStream(resource)) {
            return file == null ? "" : new String(file.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException unreadable) {
            return "";
        }
    }
}
