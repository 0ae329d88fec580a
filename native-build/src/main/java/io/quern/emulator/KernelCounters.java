package io.quern.emulator;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/**
 * What one launch did. Memory counters are defined as Nsight Compute defines its own, and each names the metric (with
 * {@code .sum}) that it is to equal on a device. {@code ptxInstructions} counts PTX instructions executed by threads, by
 * class, and is no forecast of machine instructions.
 *
 * @param kernel the symbol
 * @param grid blocks in x, y and z
 * @param block threads in x, y and z
 * @param sharedBytes dynamic shared memory of a block
 * @param status "ok", or what ended the launch
 * @param seconds that the emulation took on this machine: not a GPU's time
 * @param globalLoads {@code l1tex__t_requests_pipe_lsu_mem_global_op_ld}, {@code l1tex__t_sectors_...} and so on
 * @param globalStores the same with {@code _op_st}
 * @param localLoads {@code l1tex__t_sectors_pipe_lsu_mem_local_op_ld}; without registers that the assembler spills
 * @param localStores the same with {@code _op_st}
 * @param sharedLoads {@code l1tex__data_pipe_lsu_wavefronts_mem_shared_op_ld} and so on
 * @param sharedStores the same with {@code _op_st}
 * @param globalAtomics atom and red in global memory, {@code l1tex__t_sectors_pipe_lsu_mem_global_op_atom} and {@code _red}
 * @param sharedAtomics atom and red in shared memory
 * @param barriers arrivals of warps
 * @param branches branches that warps executed
 * @param divergentBranches branches that parted the lanes of a warp
 * @param warpInstructions instructions executed by warps
 * @param matrixFlop additions and multiplications of mma and wmma, of every type
 * @param ptxInstructions instructions executed by threads, by class
 * @param counters all of these numbers by name, such as {@code globalLoads.sectors} or {@code ptxInstructions.fp32}, in order
 */
public record KernelCounters(
        String kernel,
        Size grid,
        Size block,
        long sharedBytes,
        String status,
        double seconds,
        GlobalTraffic globalLoads,
        GlobalTraffic globalStores,
        GlobalTraffic localLoads,
        GlobalTraffic localStores,
        SharedTraffic sharedLoads,
        SharedTraffic sharedStores,
        AtomicTraffic globalAtomics,
        AtomicTraffic sharedAtomics,
        long barriers,
        long branches,
        long divergentBranches,
        long warpInstructions,
        long matrixFlop,
        Map<String, Long> ptxInstructions,
        Map<String, Long> counters) {
    private static final String CLASSES = "ptxInstructions.";

    /** Blocks of a grid or threads of a block. */
    public record Size(int x, int y, int z) {}

    /**
     * Traffic of one direction between warps and global or local memory.
     *
     * @param requests memory instructions of warps
     * @param sectors pieces of 32 bytes that they touched
     * @param requestedBytes bytes that active lanes asked for
     */
    public record GlobalTraffic(long requests, long sectors, long requestedBytes) {
        /** {@return the bytes that were moved for those asked for} */
        public long sectorBytes() {
            return 32 * sectors;
        }

        /** {@return sectors of an average request; 16 where every lane reads 16 bytes of its own, side by side} */
        public double sectorsPerRequest() {
            return requests == 0 ? 0 : (double) sectors / requests;
        }
    }

    /**
     * Traffic of one direction between warps and shared memory.
     *
     * @param requests memory instructions of warps
     * @param wavefronts passes that they took
     * @param idealWavefronts passes that the same lanes need without bank conflicts
     * @param requestedBytes bytes that active lanes asked for
     */
    public record SharedTraffic(long requests, long wavefronts, long idealWavefronts, long requestedBytes) {
        /** {@return the passes that bank conflicts cost} */
        public long excessWavefronts() {
            return wavefronts - idealWavefronts;
        }
    }

    /**
     * Atomic operations in one space.
     *
     * @param requests instructions of warps
     * @param operations of active lanes
     * @param sectors pieces of 32 bytes that they touched
     * @param turns lanes of a request that want one address take turns: how many that made
     */
    public record AtomicTraffic(long requests, long operations, long sectors, long turns) {
        /** {@return turns beyond the first: what lanes of one warp waited for each other} */
        public long contention() {
            return turns - requests;
        }
    }

    /** {@return PTX instructions executed by threads, of all classes} */
    public long threadInstructions() {
        return ptxInstructions.values().stream().mapToLong(Long::longValue).sum();
    }

    /** {@return lanes that an average instruction of a warp is executed for: 32 without divergence and guards} */
    public double lanesPerInstruction() {
        return warpInstructions == 0 ? 0 : (double) threadInstructions() / warpInstructions;
    }

    /** Reads a line as the native library writes it: fields divided by tabs, first those of the launch, then name and value. */
    static KernelCounters parse(String line) {
        Fields fields = new Fields(line.split("\t"));
        String kernel = fields.text();
        Size grid = fields.size();
        Size block = fields.size();
        long sharedBytes = fields.number();
        String status = fields.text();
        double seconds = Double.parseDouble(fields.text());
        Map<String, Long> all = fields.named();
        Map<String, Long> classes = new TreeMap<>();
        all.forEach((name, value) -> {
            if (name.startsWith(CLASSES)) {
                classes.put(name.substring(CLASSES.length()), value);
            }
        });
        return new KernelCounters(
                kernel,
                grid,
                block,
                sharedBytes,
                status,
                seconds,
                global(all, "globalLoads"),
                global(all, "globalStores"),
                global(all, "localLoads"),
                global(all, "localStores"),
                shared(all, "sharedLoads"),
                shared(all, "sharedStores"),
                atomics(all, "globalAtomics"),
                atomics(all, "sharedAtomics"),
                all.get("barriers"),
                all.get("branches"),
                all.get("divergentBranches"),
                all.get("warpInstructions"),
                all.get("matrixFlop"),
                Collections.unmodifiableMap(classes),
                Collections.unmodifiableMap(all));
    }

    private static GlobalTraffic global(Map<String, Long> all, String name) {
        return new GlobalTraffic(
                all.get(name + ".requests"), all.get(name + ".sectors"), all.get(name + ".requestedBytes"));
    }

    private static SharedTraffic shared(Map<String, Long> all, String name) {
        return new SharedTraffic(
                all.get(name + ".requests"),
                all.get(name + ".wavefronts"),
                all.get(name + ".idealWavefronts"),
                all.get(name + ".requestedBytes"));
    }

    private static AtomicTraffic atomics(Map<String, Long> all, String name) {
        return new AtomicTraffic(
                all.get(name + ".requests"),
                all.get(name + ".operations"),
                all.get(name + ".sectors"),
                all.get(name + ".turns"));
    }

    private static final class Fields {
        private final String[] texts;
        private int next;

        Fields(String[] texts) {
            this.texts = texts;
        }

        String text() {
            return texts[next++];
        }

        long number() {
            return Long.parseLong(text());
        }

        Size size() {
            return new Size((int) number(), (int) number(), (int) number());
        }

        Map<String, Long> named() {
            Map<String, Long> numbers = new LinkedHashMap<>();
            while (next < texts.length) {
                numbers.put(text(), number());
            }
            return numbers;
        }
    }
}
