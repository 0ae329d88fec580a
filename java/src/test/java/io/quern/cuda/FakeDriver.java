package io.quern.cuda;

import static java.util.stream.Collectors.joining;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * A {@code libcuda.so.1} that has every function the probe looks for and answers the probe's three questions as told, so
 * that what is wrong with a real machine's driver can be played.
 */
final class FakeDriver {
    private final Map<String, String> bodies = new TreeMap<>();

    FakeDriver() {
        DriverProbe.FUNCTIONS.forEach(name -> returning(name, 801)); // CUDA_ERROR_NOT_SUPPORTED
        returning("cuInit", 0);
        writing("cuDriverGetVersion", 12_000);
        writing("cuDeviceGetCount", 1);
    }

    /** Makes a function return a code and do nothing. */
    FakeDriver returning(String function, int code) {
        bodies.put(function, "int " + function + "() { return " + code + "; }");
        return this;
    }

    /** Makes a function succeed and write a number to where its one argument points. */
    FakeDriver writing(String function, int value) {
        bodies.put(function, "int " + function + "(int *p) { *p = " + value + "; return 0; }");
        return this;
    }

    /** Takes a function away. */
    FakeDriver without(String function) {
        bodies.remove(function);
        return this;
    }

    /** Builds it as {@code libcuda.so.1} in a folder. */
    void build(Path folder) throws IOException, InterruptedException {
        CLibrary.build(folder, "libcuda.so.1", bodies.values().stream().collect(joining("\n", "", "\n")));
    }
}
