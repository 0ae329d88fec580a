package io.quern.cuda;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Which texts NVIDIA's assembler has taken for every GPU they are meant for, without a spill and within the registers'
 * budgets: {@code native-build/ptx/assembled.txt}. The assembler looks at nothing but the text, so while that is the same, and
 * the assembler, its answer is known.
 *
 * <p>As text: a line {@code assembler} with the digest of its library, then a line for each file with its own; lines that begin
 * with {@code #} are comments. The files of register counts are among them, for they are the assembler's answer.
 *
 * @param assembler the SHA-256 of the one that took them
 * @param digests by file ({@code "compute_80/rope.ptx"}), its SHA-256
 */
record PtxRecord(String assembler, SortedMap<String, String> digests) {
    private static final Path FILE = Path.of("../native-build/ptx/assembled.txt");
    private static final String ASSEMBLER = "assembler";

    PtxRecord {
        digests = Collections.unmodifiableSortedMap(digests);
    }

    /** {@return what is committed} */
    static PtxRecord read() throws IOException {
        SortedMap<String, String> words = new TreeMap<>();
        for (String line : Files.readAllLines(FILE)) {
            if (!line.startsWith("#")) {
                String[] pair = line.split(" ");
                words.put(pair[0], pair[1]);
            }
        }
        return new PtxRecord(words.remove(ASSEMBLER), words);
    }

    /** {@return what would be committed, had the assembler of this process taken these files} */
    static PtxRecord of(List<PtxFile> files) throws IOException {
        SortedMap<String, String> digests = new TreeMap<>();
        for (PtxFile file : files) {
            digests.put(file.toString(), digest(file.text()));
            Path registers = PtxFile.registers(file.architecture());
            digests.put(file.architecture() + "/" + registers.getFileName(), digest(Files.readString(registers)));
        }
        return new PtxRecord(digest(Files.readAllBytes(PtxAssembler.library())), digests);
    }

    private static String digest(String text) {
        return digest(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String digest(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException everyJdkHasIt) {
            throw new AssertionError(everyJdkHasIt);
        }
    }

    void write() throws IOException {
        StringBuilder text = new StringBuilder("""
            # What NVIDIA's assembler has taken for all GPUs, without a spill, each kernel within its budget of registers, by
            # SHA-256: written by PtxTest, which holds the files to it.
            """);
        text.append(ASSEMBLER).append(' ').append(assembler).append('\n');
        digests.forEach(
                (name, digest) -> text.append(name).append(' ').append(digest).append('\n'));
        Files.writeString(FILE, text);
    }
}
