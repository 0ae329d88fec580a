package io.quern.emulator;

import java.util.Map;
import java.util.TreeMap;

/**
 * What one launch did. Memory counters are Nsight Compute's; {@code ptxInstructions} counts PTX instructions executed by
 * threads, by class, and is no forecast of machine instructions.
 *
 * @param kernel the symbol
 * @param grid blocks in x, y and z
 * @param block threads in x, y and z
 * @param sharedBytes dynamic shared memory of a block
 * @param status "ok", or what ended the launch
 * @param seconds that the emulation took on this machine: not a GPU's time
 * @param atomicRequests atomic and reduction instructions of warps
 * @param barriers arrivals of warps
 * @param divergentBranches branches that part the lanes of a warp
 * @param warpInstructions instructions executed by warps
 * @param matrixFlop additions and multiplications of mma and wmma, of every type
 * @param ptxInstructions instructions executed by threads, by class
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
        SharedTraffic sharedLoads,
        SharedTraffic sharedStores,
        long atomicRequests,
        long barriers,
        long divergentBranches,
        long warpInstructions,
        long matrixFlop,
        Map<String, Long> ptxInstructions) {

    /** Blocks of a grid or threads of a block. */
    public record Size(int x, int y, int z) {}

    /**
     * Traffic between warps and global memory.
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
     * Traffic between warps and shared memory.
     *
     * @param requests memory instructions of warps
     * @param wavefronts passes that they took
     * @param idealWavefronts passes that the same bytes need without bank conflicts
     */
    public record SharedTraffic(long requests, long wavefronts, long idealWavefronts) {
        /** {@return the passes that bank conflicts cost} */
        public long excessWavefronts() {
            return wavefronts - idealWavefronts;
        }
    }

    /** {@return PTX instructions executed by threads, of all classes} */
    public long threadInstructions() {
        return ptxInstructions.values().stream().mapToLong(Long::longValue).sum();
    }

    /** Reads a line as the native library writes it: fields divided by tabs. */
    static KernelCounters parse(String line) {
        Fields fields = new Fields(line.split("\t"));
        return new KernelCounters(
                fields.text(),
                fields.size(),
                fields.size(),
                fields.number(),
                fields.text(),
                Double.parseDouble(fields.text()),
                new GlobalTraffic(fields.number(), fields.number(), fields.number()),
                new GlobalTraffic(fields.number(), fields.number(), fields.number()),
                new SharedTraffic(fields.number(), fields.number(), fields.number()),
                new SharedTraffic(fields.number(), fields.number(), fields.number()),
                fields.number(),
                fields.number(),
                fields.number(),
                fields.number(),
                fields.number(),
                fields.named());
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
            Map<String, Long> numbers = new TreeMap<>();
            while (next < texts.length) {
                numbers.put(text(), number());
            }
            return Map.copyOf(numbers);
        }
    }
}
