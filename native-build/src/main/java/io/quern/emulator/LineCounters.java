package io.quern.emulator;

/**
 * What one line of a kernel's PTX did in one launch.
 *
 * @param line its number in the file, from 1
 * @param text the PTX
 * @param source the line of the CUDA source that it came from, as {@code -lineinfo} has it; "" if the PTX does not say
 * @param warps how often warps executed it
 * @param threads how often threads did
 * @param divergent of a branch: how often it parted the lanes of a warp
 * @param globalRequests of loads and stores in global memory
 * @param globalSectors pieces of 32 bytes that they touched
 * @param globalBytes bytes that active lanes asked for
 * @param localSectors pieces of 32 bytes of local memory
 * @param sharedRequests of loads and stores in shared memory
 * @param wavefronts passes through shared memory
 * @param idealWavefronts passes that the same lanes need without bank conflicts
 * @param contention turns in which lanes of one warp waited for each other at one address of an atomic operation
 */
public record LineCounters(
        int line,
        String text,
        String source,
        long warps,
        long threads,
        long divergent,
        long globalRequests,
        long globalSectors,
        long globalBytes,
        long localSectors,
        long sharedRequests,
        long wavefronts,
        long idealWavefronts,
        long contention) {
    private static final int FIELDS = 14;

    /** {@return lanes for which it was executed, on average} */
    public double lanes() {
        return warps == 0 ? 0 : (double) threads / warps;
    }

    /** {@return the passes that bank conflicts cost} */
    public long excessWavefronts() {
        return wavefronts - idealWavefronts;
    }

    /** {@return sectors of an average request} */
    public double sectorsPerRequest() {
        return globalRequests == 0 ? 0 : (double) globalSectors / globalRequests;
    }

    /** Reads a line as the native library writes it. */
    static LineCounters parse(String row) {
        String[] fields = row.split("\t", FIELDS);
        long[] numbers = new long[FIELDS - 2];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = Long.parseLong(fields[i]);
        }
        return new LineCounters(
                (int) numbers[0],
                fields[FIELDS - 1],
                fields[FIELDS - 2],
                numbers[1],
                numbers[2],
                numbers[3],
                numbers[4],
                numbers[5],
                numbers[6],
                numbers[7],
                numbers[8],
                numbers[9],
                numbers[10],
                numbers[11]);
    }
}
