package io.quern.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileAlreadyExistsException;
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
 * Native libraries out of jars, as files. Each lies in a folder named after its content, which only this user can enter;
 * it is written under another name first and then moved into place, so that it is there whole or not at all. What is there
 * is compared byte by byte before it is used.
 */
final class NativeCache {
    /** System property: a folder that is taken before all others. */
    private static final String PROPERTY = "io.quern.cache";

    private final List<Path> folders;

    /** @param folders where to put libraries; the first that works is taken */
    NativeCache(List<Path> folders) {
        this.folders = folders;
    }

    /** {@return the property's folder, the user's cache folder, the temporary one, whichever of them is named} */
    static List<Path> folders() {
        List<Path> folders = new ArrayList<>();
        String named = System.getProperty(PROPERTY);
        if (named != null) {
            folders.add(Path.of(named));
        }
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

    /**
     * Puts a library into the first folder that will have it and from which it can be loaded.
     *
     * @param resource on the class path, without a leading slash; the file takes its last name
     * @return the folder that holds the file
     * @throws UnsatisfiedLinkError naming every folder that was tried and why it failed
     */
    Path place(String resource) {
        byte[] content = read(resource);
        String file = resource.substring(resource.lastIndexOf('/') + 1);
        List<String> reasons = new ArrayList<>();
        for (Path parent : folders) {
            Path folder = parent.resolve(hash(content));
            try {
                makePrivate(parent);
                makePrivate(folder);
                write(content, folder.resolve(file));
                DynamicLibrary.open(folder.resolve(file)); // fails where the file system forbids to execute
                return folder;
            } catch (IOException | UnsatisfiedLinkError e) {
                reasons.add(e.toString());
            }
        }
        throw new UnsatisfiedLinkError("no folder can hold " + file + ": " + String.join("; ", reasons));
    }

    /**
     * {@return a folder in the first of several that will have it, which only this user can enter}
     *
     * @throws IOException naming every folder that was tried and why it failed
     */
    static Path privateFolder(List<Path> folders, String name) throws IOException {
        List<String> reasons = new ArrayList<>();
        for (Path parent : folders) {
            try {
                makePrivate(parent);
                makePrivate(parent.resolve(name));
                return parent.resolve(name);
            } catch (IOException e) {
                reasons.add(e.toString());
            }
        }
        throw new IOException("no folder can hold " + name + ": " + String.join("; ", reasons));
    }

    private static void makePrivate(Path folder) throws IOException {
        Files.createDirectories(folder.getParent());
        if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
            try {
                Files.createDirectory(
                        folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            } catch (FileAlreadyExistsException _) {
                // another JVM was faster, or it is a file: the owner and rights below tell
            }
        }
        if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(folder + " is not a folder");
        }
        String owner = Files.getOwner(folder, LinkOption.NOFOLLOW_LINKS).getName();
        String user = System.getProperty("user.name");
        if (!owner.equals(user)) {
            throw new IOException(folder + " belongs to " + owner + ", not to " + user);
        }
        if (Files.getPosixFilePermissions(folder).stream()
                .anyMatch(right -> right.name().matches("(GROUP|OTHERS)_WRITE"))) {
            throw new IOException(folder + " can be written by others");
        }
    }

    /** Writes a file that is there whole or not at all. */
    static void write(byte[] content, Path file) throws IOException {
        if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
                && Files.size(file) == content.length
                && Arrays.equals(Files.readAllBytes(file), content)) {
            return;
        }
        Path whole = Files.createTempFile(file.getParent(), file.getFileName().toString(), ".part");
        try {
            Files.write(whole, content);
            Files.move(whole, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(whole);
        }
    }

    private static byte[] read(String resource) {
        try (InputStream in = NativeCache.class.getClassLoader().getResourceAsStream(resource)) {
            if (in == null) {
                throw new UnsatisfiedLinkError("there is no " + resource + " on the class path");
            }
            return in.readAllBytes();
        } catch (IOException e) {
            throw new UnsatisfiedLinkError("cannot read " + resource + ": " + e);
        }
    }

    static String hash(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content), 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every JDK has SHA-256", e);
        }
    }
}
