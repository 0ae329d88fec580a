package io.quern.bench.measure;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** How this process starts another JVM of its own kind. */
public final class JavaProcess {
    private JavaProcess() {}

    /** {@return the java executable that runs this process} */
    public static String executable() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }

    /**
     * {@return the flags without which Quern does not run, and this process's {@code io.quern.*} properties}
     *
     * @param properties more of them, {@code name=value}, which win
     */
    public static List<String> flags(String... properties) {
        List<String> flags = new ArrayList<>(List.of(
                "--add-modules",
                "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED",
                "-Djava.library.path=" + System.getProperty("java.library.path", "")));
        System.getProperties().stringPropertyNames().stream()
                .filter(name -> name.startsWith("io.quern."))
                .sorted()
                .forEach(name -> flags.add("-D" + name + "=" + System.getProperty(name)));
        for (String property : properties) {
            flags.add("-D" + property);
        }
        return flags;
    }

    /** {@return the class path of this process} */
    public static String classPath() {
        return System.getProperty("java.class.path");
    }
}
