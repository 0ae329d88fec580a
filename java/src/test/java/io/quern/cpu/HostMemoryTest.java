package io.quern.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HostMemoryTest {
    @ParameterizedTest
    @ValueSource(longs = {0, 1, 63, 4096, (4L << 20) - 1, 4L << 20, (4L << 20) + 1, 33_333_333})
    void blocksAreZeroAndAligned(long bytes) {
        MemorySegment block;
        try (Arena arena = Arena.ofShared()) {
            block = HostMemory.allocate(arena, bytes);
            assertEquals(bytes, block.byteSize());
            assertEquals(0, block.address() % HostMemory.ALIGNMENT);
            assertEquals(0, bytes >= 4L << 20 ? block.address() % (2L << 20) : 0, "large blocks suit huge pages");
            assertEquals(
                    -1,
                    block.mismatch(Arena.ofAuto().allocate(Math.max(1, bytes)).asSlice(0, bytes)),
                    "zeros");
            block.fill((byte) 1);
        }
        if (bytes > 0) {
            assertThrows(IllegalStateException.class, () -> block.get(ValueLayout.JAVA_BYTE, 0));
        }
    }

    @Test
    void aLargeBlockIsUnmappedWithItsArena() throws IOException {
        long address;
        try (Arena arena = Arena.ofShared()) {
            address = HostMemory.allocate(arena, 256L << 20).address();
            assertTrue(isMapped(address));
        }
        assertFalse(isMapped(address));
    }

    private static boolean isMapped(long address) throws IOException {
        try (Stream<String> mappings = Files.lines(Path.of("/proc/self/maps"))) {
            return mappings.map(line -> line.substring(0, line.indexOf(' ')).split("-"))
                    .anyMatch(range -> Long.parseUnsignedLong(range[0], 16) <= address
                            && address < Long.parseUnsignedLong(range[1], 16));
        }
    }
}
