package io.quern.emulator;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

/**
 * A library in this jar, as a file: in a folder that only this user can enter, named after the file's content, and put
 * there whole or not at all, so that JVMs that start together do not meet.
 */
final class PackagedLibrary {
    /** The driver. */
    static final String CUDA = "libcuda.so.1";

    /** The stand-in for cuBLAS. */
    static final String CUBLAS = "libcublas.so.12";

    private PackagedLibrary() {}

    /** {@return the file, in the user's cache folder or, where that does not work, in the temporary one} */
    static Path place(String name) {
        return place(name, folders());
    }

    static Path place(String name, List<Path> parents) {
        byte[] content = read(name);
        List<String> reasons = new ArrayList<>();
        for (Path parent : parents) {
            try {
                Path folder = parent.resolve(hash(content));
                makePrivate(parent);
                makePrivate(folder);
                return write(content, folder.resolve(name));
            } catch (IOException e) {
                reasons.add(e.toString());
            }
        }
        throw new UnsatisfiedLinkError("no folder can hold the emulator's " + name + ": " + String.join("; ", reasons));
    }

    private static List<Path> folders() {
        List<Path> folders = new ArrayList<>();
        String cache = System.getenv("XDG_CACHE_HOME");
        String home = System.getProperty("user.home");
        if (cache != null && Path.of(cache).isAbsolute()) {
            folders.add(Path.of(cache, "quern"));
        } else if (home != null && Path.of(home).isAbsolute()) {
            folders.add(Path.of(home, ".cache", "quern"));
        }
        folders.add(Path.of(System.getProperty("java.io.tmpdir"), "quern-" + System.getProperty("user.name")));
        return folders;
    }

    // A folder that others could write to would let them choose what we load.
    private static void makePrivate(Path folder) throws IOException {
        if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectories(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        }
        if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(folder + " is not a folder");
        }
        String owner = Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).getName();
        if (!owner.equals(System.getProperty("user.name"))) {
            throw new IOException(folder + " belongs to " + owner);
        }
        if (Files.getPosixFilePermissions(folder).stream()
                .anyMatch(right -> right.name().matches("(GROUP|OTHERS)_WRITE"))) {
            throw new IOException(folder + " can be written by others");
        }
    }

    private static Path write(byte[] content, Path file) throws IOException {
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && Arrays.equals(Files.readAllBytes(file), content)) {
            return file;
        }
        Path whole = Files.createTempFile(file.getParent(), file.getFileName().toString(), ".part");
        try {
            Files.write(whole, content);
            Files.move(whole, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(whole);
        }
        return file;
    }

    private static byte[] read(String name) {
        String resource = "linux-x86_64/" + name;
        try (InputStream in = PackagedLibrary.class.getResourceAsStream(resource)) {
            if (in == null) {
                throw new UnsatisfiedLinkError("the jar of the emulator lacks " + resource
                        + "; cure: depend on io.quern:quern-emulator with the classifier linux-x86_64, or name a"
                        + " library with -Dio.quern.emulator.library");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UnsatisfiedLinkError("cannot read " + resource + ": " + e);
        }
    }

    private static String hash(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content), 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }
}
