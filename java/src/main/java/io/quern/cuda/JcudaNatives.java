package io.quern.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.JCudaVersion;
import jcuda.LibUtils;

/**
 * Loads JCuda's native library from a place that is safe. JCuda itself, where java.library.path does not have it, unpacks it
 * to a fixed name in java.io.tmpdir: not atomically, so that JVMs starting together crash; never again, so that what a killed
 * one left half written crashes all that follow; and not at all from a module path. But it takes a file that lies there
 * already. So the file is put, whole, into a folder of ours, and while JCuda's class initializes java.io.tmpdir names that
 * folder. Code that asks for that property just then gets a folder in which it can write, too.
 */
final class JcudaNatives {
    private static final String TEMPORARY = "java.io.tmpdir";

    private JcudaNatives() {}

    /** Loads and initializes JCuda's driver binding. */
    static void load() {
        load("JCudaDriver", "jcuda.driver.JCudaDriver");
    }

    /**
     * Loads one of JCuda's libraries.
     *
     * @param library its name without version and platform
     * @param binding the class whose initialization loads it
     */
    static void load(String library, String binding) {
        String name = LibUtils.createPlatformLibraryName(library + "-" + JCudaVersion.get());
        String file = LibUtils.createLibraryFileName(name);
        if (onLibraryPath(file)) {
            initialize(binding);
            return;
        }
        Path folder = new NativeCache(NativeCache.folders()).place("lib/" + file);
        String before = System.setProperty(TEMPORARY, folder.toString());
        try {
            initialize(binding);
        } finally {
            System.setProperty(TEMPORARY, before);
        }
    }

    private static boolean onLibraryPath(String file) {
        for (String folder : System.getProperty("java.library.path", "").split(":")) {
            if (Files.isReadable(Path.of(folder.isEmpty() ? "." : folder, file))) {
                return true;
            }
        }
        return false;
    }

    private static void initialize(String binding) {
        try {
            Class.forName(binding, true, JcudaNatives.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            throw new NoClassDefFoundError(e.getMessage());
        }
    }
}
