package io.quern.cuda;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Registers a thread of each kernel, as NVIDIA's assembler counted them for each GPU. They ship beside the PTX,
 * because the emulator, which assembles nothing, can only estimate them; a real driver counts for itself.
 *
 * <p>As text: a line that begins with {@code kernel} and names GPUs, then a line for each kernel with its counts; lines that
 * begin with {@code #} are comments.
 *
 * @param byGpu by GPU ({@code "sm_80"}) and kernel
 */
record RegisterCounts(SortedMap<String, SortedMap<String, Integer>> byGpu) {
    private static final String HEAD = "kernel";

    RegisterCounts {
        byGpu = Collections.unmodifiableSortedMap(byGpu);
    }

    /** {@return what a text says} */
    static RegisterCounts parse(String text) {
        List<String[]> rows = text.lines()
                .filter(line -> !line.isBlank() && !line.startsWith("#"))
                .map(line -> line.strip().split("\\s+"))
                .toList();
        SortedMap<String, SortedMap<String, Integer>> byGpu = new TreeMap<>();
        if (rows.isEmpty()) {
            return new RegisterCounts(byGpu);
        }
        String[] gpus = rows.getFirst();
        for (int column = 1; column < gpus.length; column++) {
            SortedMap<String, Integer> counts = new TreeMap<>();
            for (String[] row : rows.subList(1, rows.size())) {
                counts.put(row[0], Integer.parseInt(row[column]));
            }
            byGpu.put(gpus[column], counts);
        }
        return new RegisterCounts(byGpu);
    }

    /** {@return the counts of each kernel on a GPU; empty if it is not among them} */
    Map<String, Integer> on(String gpu) {
        return byGpu.getOrDefault(gpu, Collections.emptySortedMap());
    }

    /** {@return the text that {@link #parse} reads} */
    @Override
    public String toString() {
        Set<String> kernels =
                byGpu.isEmpty() ? Set.of() : byGpu.get(byGpu.firstKey()).keySet();
        int width = kernels.stream().mapToInt(String::length).max().orElse(0);
        StringBuilder text = new StringBuilder(padded(HEAD, width));
        byGpu.keySet().forEach(gpu -> text.append("  ").append(gpu));
        for (String kernel : kernels) {
            text.append('\n').append(padded(kernel, width));
            byGpu.forEach((gpu, counts) -> text.append(("%" + (2 + gpu.length()) + "d").formatted(counts.get(kernel))));
        }
        return text.append('\n').toString();
    }

    private static String padded(String word, int width) {
        return word + " ".repeat(Math.max(0, width - word.length()));
    }
}
