package io.quern.rope;

import io.quern.DType;
import io.quern.Tensor;
import io.quern.cpu.AddressSpace;
import io.quern.cpu.Fp32Blocks;
import io.quern.cpu.Lanes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Rotates all heads of a token by turns that {@link TurnLayout} laid out, and copies the channels that do not turn. */
final class RopeHeads {
    private final DType dtype;
    private final Pairing pairing;
    private final int pairs;
    private final long heads;
    private final MemorySegment x;
    private final long xStep; // from head to head, in bytes
    private final MemorySegment out;
    private final long outStep;
    private final int rotaryDim;
    private final long beforeBytes; // of a head, copied: before the rotated channels, and after them; 0 in place
    private final long afterBytes;
    private final long rotatedAt; // from where a head begins, in bytes
    private final int headsOfBlock; // how many are widened at once; 0 where one does not fit

    /** @param x (tokens, heads, headDim), perhaps with batches, as is out */
    RopeHeads(Rope rope, Tensor x, Tensor out) {
        this.dtype = x.dtype();
        this.pairing = rope.pairing();
        this.pairs = rope.pairs();
        this.heads = x.size(-2);
        this.x = x.segment();
        this.xStep = x.stride(-2) * dtype.bytes();
        this.out = out.segment();
        this.outStep = out.stride(-2) * dtype.bytes();
        this.rotaryDim = rope.rotaryDim();
        this.rotatedAt = (long) rope.rotaryOffset() * dtype.bytes();
        boolean inPlace = out.address() == x.address();
        long rotaryBytes = (long) rotaryDim * dtype.bytes();
        this.beforeBytes = inPlace ? 0 : rotatedAt;
        this.afterBytes = inPlace ? 0 : (long) rope.headDim() * dtype.bytes() - rotatedAt - rotaryBytes;
        boolean adjoining = heads == 1 || xStep == rotaryBytes && outStep == rotaryBytes;
        this.headsOfBlock = Math.min(Fp32Blocks.LENGTH / rotaryDim, adjoining ? Integer.MAX_VALUE : 1);
    }

    /**
     * Rotates one token's heads.
     *
     * @param xAt where its first head begins in x, in bytes
     * @param outAt where its first head begins in out, in bytes
     * @param cosines the address where they begin, laid out
     * @param sines likewise
     */
    void rotate(long xAt, long outAt, long cosines, long sines) {
        long from = xAt + rotatedAt;
        long to = outAt + rotatedAt;
        switch (dtype) {
            case FP64 -> fp64(x.address() + from, out.address() + to, cosines, sines);
            case FP32 -> fp32(x.address() + from, xStep, out.address() + to, outStep, heads, cosines, sines);
            default -> {
                if (headsOfBlock == 0) {
                    wide(from, to, cosines, sines);
                } else {
                    blocks(from, to, cosines, sines);
                }
            }
        }
        copy(xAt, outAt, beforeBytes);
        long rotaryBytes = (long) rotaryDim * dtype.bytes();
        copy(from + rotaryBytes, to + rotaryBytes, afterBytes);
    }

    private void copy(long from, long to, long bytes) {
        if (bytes == 0) {
            return;
        }
        for (long h = 0; h < heads; h++) {
            MemorySegment.copy(x, from + h * xStep, out, to + h * outStep, bytes);
        }
    }

    private void fp64(long from, long to, long cosines, long sines) {
        int first;
        if (pairing == Pairing.HALVES) {
            RopeHalves.fp64(from, xStep, to, outStep, heads, cosines, sines, pairs);
            first = Lanes.DOUBLE.loopBound(pairs);
        } else if (Lanes.DOUBLE.length() > 2) {
            RopeAdjacent.fp64(from, xStep, to, outStep, heads, cosines, sines, pairs);
            first = Lanes.DOUBLE.loopBound(rotaryDim) / 2;
        } else {
            first = 0; // C2 has no shuffle of two doubles: it boxes them, and one pair at a time is faster
        }
        if (first < pairs) {
            RopeScalar.fp64(from, xStep, to, outStep, heads, cosines, sines, pairs, pairing, first);
        }
    }

    private void fp32(long from, long fromStep, long to, long toStep, long count, long cosines, long sines) {
        int first;
        if (pairing == Pairing.HALVES) {
            RopeHalves.fp32(from, fromStep, to, toStep, count, cosines, sines, pairs);
            first = Lanes.FLOAT.loopBound(pairs);
        } else if (RopeAdjacent.fitsRegisters(pairs)) {
            RopeAdjacent.fp32InRegisters(from, fromStep, to, toStep, count, cosines, sines);
            first = pairs;
        } else {
            RopeAdjacent.fp32(from, fromStep, to, toStep, count, cosines, sines, pairs);
            first = Lanes.FLOAT.loopBound(rotaryDim) / 2;
        }
        if (first < pairs) {
            RopeScalar.fp32(from, fromStep, to, toStep, count, cosines, sines, pairs, pairing, first);
        }
    }

    /** 16-bit heads: widened into a block of FP32, as many as it holds if they adjoin, rotated there, and rounded. */
    private void blocks(long xAt, long outAt, long cosines, long sines) {
        Fp32Blocks blocks = Fp32Blocks.ofThread();
        long block = blocks.address(0);
        long step = 4L * rotaryDim;
        for (long h = 0; h < heads; h += headsOfBlock) {
            int count = (int) Math.min(headsOfBlock, heads - h);
            if (dtype == DType.FP16) {
                blocks.loadFp16(0, x, xAt + h * xStep, count * rotaryDim);
                fp32(block, step, block, step, count, cosines, sines);
                blocks.storeFp16(0, out, outAt + h * outStep, count * rotaryDim);
            } else {
                blocks.loadBf16(0, x, xAt + h * xStep, count * rotaryDim);
                fp32(block, step, block, step, count, cosines, sines);
                blocks.storeBf16(0, out, outAt + h * outStep, count * rotaryDim);
            }
        }
    }

    /** 16-bit heads that fit no block, those of more than 1,024 channels: none is known, so plain is fast enough. */
    private void wide(long xAt, long outAt, long cosines, long sines) {
        boolean halves = pairing == Pairing.HALVES;
        long step = halves ? 4 : 8; // from pair to pair, of cosines and of sines
        long positive = sines + (halves ? 0 : 4); // of a pair's two sines the one that is not negated
        for (long h = 0; h < heads; h++) {
            long from = (xAt + h * xStep) / dtype.bytes();
            long to = (outAt + h * outStep) / dtype.bytes();
            for (int k = 0; k < pairs; k++) {
                int i = halves ? k : 2 * k;
                int j = halves ? k + pairs : 2 * k + 1;
                float x0 = (float) dtype.get(x, from + i);
                float x1 = (float) dtype.get(x, from + j);
                float c = AddressSpace.ALL.get(ValueLayout.JAVA_FLOAT, cosines + k * step);
                float s = AddressSpace.ALL.get(ValueLayout.JAVA_FLOAT, positive + k * step);
                dtype.set(out, to + i, Math.fma(x0, c, -(x1 * s)));
                dtype.set(out, to + j, Math.fma(x1, c, x0 * s));
            }
        }
    }
}
