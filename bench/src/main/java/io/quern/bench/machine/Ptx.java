package io.quern.bench.machine;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

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

    /** A room has one module, or several whose names begin with its own. */
    private static Ptx read(String room, String target) {
        String version = "";
        int kernels = 0;
        for (String text : texts("/io/quern/ptx/" + target, room + "(_.*)?\\.ptx")) {
            for (String line : text.lines().toList()) {
                if (line.startsWith(".version ")) {
                    version = line.substring(".version ".length()).strip();
                }
                kernels += line.contains(".entry ") ? 1 : 0;
            }
        }
        return new Ptx(room, target, version, kernels);
    }

    /** {@return what the files hold, of those names, in a folder on the class path} */
    private static List<String> texts(String folder, String names) {
        URL url = Ptx.class.getResource(folder);
        if (url == null) {
            return List.of();
        }
        try {
            if (!url.getProtocol().equals("jar")) {
                return texts(Path.of(url.toURI()), names);
            }
            try (FileSystem jar = FileSystems.newFileSystem(url.toURI(), Map.of())) {
                return texts(jar.getPath(folder), names);
            }
        } catch (IOException | URISyntaxException unreadable) {
            return List.of();
        }
    }

    private static List<String> texts(Path folder, String names) throws IOException {
        List<String> texts = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.filter(each -> each.getFileName().toString().matches(names))
                    .toList()) {
                texts.add(Files.readString(file));
            }
        }
        return texts;
    }
}
