package io.quern.rope;

import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.SPARSE;
import static java.nio.file.StandardOpenOption.WRITE;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.Allocation;
import io.quern.BoundCall;
import io.quern.Case;
import io.quern.DType;
import io.quern.Device;
import io.quern.Outcome;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.TestDevices;
import io.quern.cpu.Exact;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RopeTest {

    @TestFactory
    List<DynamicContainer> cases() {
        return TestDevices.all().stream()
                .map(device -> DynamicContainer.dynamicContainer(
                        device.name(),
                        RopeCases.all().stream()
                                .map(c -> DynamicTest.dynamicTest(c.toString(), () -> check(c, device)))))
                .toList();
    }

    private static void check(Case c, Device device) {
        Outcome outcome = c.on(device);
        assertTrue(outcome.passed(), () -> c + " on " + device + ": " + outcome);
    }

    @Test
    @Tag("cpu")
    void bitsDoNotDependOnTheNumberOfThreads() {
        // Large enough for several parts, of which none has a whole number of batches.
        RopeCase given = RopeCase.of(Rope.of(128), DType.FP32, 3, 411, 4);
        double[] alone = given.on(Device.cpu(1), RopeCase.Way.COMPUTED);
        assertArrayEquals(alone, given.on(Device.cpu(3), RopeCase.Way.COMPUTED));
        assertArrayEquals(alone, given.on(Device.reference(), RopeCase.Way.COMPUTED));
    }

    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    @Tag("cpu")
    void aRunOnTheCpuAllocatesNothing(DType dtype) {
        for (Pairing pairing : Pairing.values()) {
            allocatesNothing(dtype, pairing);
        }
    }

    private static void allocatesNothing(DType dtype, Pairing pairing) {
        Device device = Device.cpu(1);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Rope rope = RopeCases.rope(pairing, 128, 80);
            Tensor x = arena.allocate(dtype, 64, 8, 128).fill(1);
            Tensor out = arena.allocate(dtype, 64, 8, 128);
            RopeTable table = rope.table(stream, arena, dtype.accumulator(), 0, 64);
            Tensor cache = arena.allocate(dtype, 64, 8, 128);
            Tensor slots = arena.allocate(DType.INT32, 64); // all 0: one thread writes one after another
            try (BoundCall joint = rope.rotateJointly()
                            .query(x)
                            .key(out, cache)
                            .value(out, arena.allocate(dtype, 64, 8, 128))
                            .slots(slots)
                            .table(table)
                            .bind(stream);
                    BoundCall computed = rope.rotate().x(x).out(x).bind(stream);
                    BoundCall looked = rope.rotate().x(x).table(table).out(out).bind(stream);
                    BoundCall tabulated = rope.bindTable(stream, table)) {
                for (BoundCall call : List.of(joint, computed, looked, tabulated)) {
                    Allocation.assertNone(call.toString(), call::run);
                }
            }
        }
    }

    /** Two tokens more than 2^32 elements apart, in a file of holes. */
    @Test
    void strideBeyond2To32(@TempDir Path folder) throws IOException {
        RopeCase given = RopeCase.of(RopeCases.rope(Pairing.ADJACENT, 128, 128), DType.FP16, 1, 2, 3);
        long heads = (1L << 25) + 1;
        long bytes = 2 * heads * 128 * DType.FP16.bytes();
        for (Device device : List.of(Device.reference(), Device.cpu())) {
            try (FileChannel file = FileChannel.open(folder.resolve(device.name()), CREATE_NEW, SPARSE, READ, WRITE);
                    Arena mapping = Arena.ofShared();
                    TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                MemorySegment memory = file.map(FileChannel.MapMode.READ_WRITE, 0, bytes, mapping);
                Tensor x = Tensor.borrow(memory, DType.FP16, 2, heads, 128).slice(1, 0, 3);
                assertTrue(x.stride(0) > 1L << 32);
                x.copyFrom(given.inputs());
                Tensor positions = arena.allocate(DType.INT64, 2).copyFrom(given.positions());
                given.rope().apply(stream, x, positions, x);
                assertArrayEquals(given.on(Device.reference(), RopeCase.Way.COMPUTED), x.toDoubleArray());
            }
        }
    }

    @Test
    void frequenciesAreThoseOfThePaper() {
        Frequencies powers = Frequencies.powers(500_000, 128);
        for (int k = 0; k < 64; k++) {
            BigDecimal exact = Exact.power(500_000, BigDecimal.valueOf(-2 * k).divide(BigDecimal.valueOf(128)));
            assertEquals(exact.floatValue(), powers.radians(k));
            double turns = 2 / Math.PI * exact.doubleValue();
            assertEquals(turns, powers.turnsHigh(0, k), 2 * Math.ulp(turns));
        }
    }

    /**
     * Where YaRN's ramp begins and ends for Llama 2 (d 128, base 10^4, L 4096): k(32) = 64 ln(4096 / 64 pi) / ln 10^4 = 20.94,
     * k(1) = 64 ln(4096 / 2 pi) / ln 10^4 = 45.03; by turns, r_20 = 36.7 and r_21 = 31.8, r_45 = 1.004 and r_46 = 0.87.
     */
    @Test
    void yarnKeepsFastPairsAndInterpolatesSlowOnes() {
        Frequencies own = Frequencies.powers(1e4, 128);
        Frequencies pairs = Frequencies.powers(1e4, 128, Scaling.yarn(16, 4096));
        Frequencies turns = Frequencies.powers(1e4, 128, Scaling.yarn(16, 4096).ramp(Scaling.Yarn.Ramp.TURNS));
        assertEquals(own.radians(20), pairs.radians(20));
        assertTrue(own.radians(21) > pairs.radians(21));
        assertEquals(own.radians(46) / 16, pairs.radians(46));
        assertTrue(own.radians(45) / 16 < pairs.radians(45));
        // k = 33 lies half way from 20 to 46: (1/2) w / 16 + (1/2) w.
        assertEquals(own.radians(33) * 17 / 32, pairs.radians(33), Math.ulp(own.radians(33)));
        assertEquals(own.radians(20), turns.radians(20));
        assertTrue(own.radians(21) > turns.radians(21));
        assertTrue(own.radians(45) / 16 < turns.radians(45));
        assertEquals(own.radians(46) / 16, turns.radians(46));
        assertEquals(1.2772588722239781, pairs.attentionFactor(), 2e-16); // 0.1 ln 16 + 1
    }

    /** Llama 3.1: r = 8192 w / 2 pi is 4 between pairs 28 and 29, 1 between 34 and 35. */
    @Test
    void llama3KeepsFastPairsAndInterpolatesSlowOnes() {
        Frequencies own = Frequencies.powers(5e5, 128);
        Frequencies scaled = Frequencies.powers(5e5, 128, Scaling.llama3(8, 8192));
        assertEquals(own.radians(28), scaled.radians(28));
        assertTrue(own.radians(29) > scaled.radians(29));
        assertTrue(own.radians(34) / 8 < scaled.radians(34));
        assertEquals(own.radians(35) / 8, scaled.radians(35));
    }

    /** The first pair stays, the last is divided by e = s l/L - (s - 1). */
    @Test
    void dynamicNtkDividesTheLastPair() {
        Frequencies own = Frequencies.powers(1e4, 128);
        Frequencies scaled = Frequencies.powers(1e4, 128, Scaling.dynamicNtk(1, 2048, 16_384));
        assertEquals(1, scaled.radians(0));
        assertEquals(own.radians(63) / 8, scaled.radians(63));
        assertEquals(own, Frequencies.powers(1e4, 128, Scaling.dynamicNtk(4, 2048, 2048)));
    }

    @Test
    void settingsAreValues() {
        assertEquals(Rope.of(64, 32, 1e4), Rope.of(64, 32, 1e4));
        assertEquals(32, Rope.of(64, 32, 1e4).rotaryDim());
        assertEquals(Rope.of(64), Rope.of(64).pairing(Pairing.ADJACENT).pairing(Pairing.HALVES));
        assertEquals(8, Rope.of(64).frequencies(Frequencies.of(1, 2, 3, 4)).rotaryDim());
    }

    @Test
    void bytesAndFlopsAreStated() {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu())) {
            Rope rope = Rope.of(128, 64, 1e4);
            Tensor x = arena.allocate(DType.BF16, 10, 4, 128);
            Tensor out = arena.allocate(DType.BF16, 10, 4, 128);
            RopeTable table = rope.table(stream, arena, DType.FP32, 0, 1000);
            try (BoundCall inPlace = rope.rotate().x(x).table(table).out(x).bind(stream);
                    BoundCall copied = rope.rotate().x(x).out(out).bind(stream)) {
                assertEquals(2 * 40 * 64 * 2 + 2 * 10 * 32 * 4, inPlace.bytes());
                assertEquals(6 * 40 * 32, inPlace.flops());
                assertEquals(2 * 40 * 128 * 2, copied.bytes());
                assertEquals(6 * 40 * 32 + Tabulation.FLOPS * 10 * 32, copied.flops());
            }
        }
    }
}
