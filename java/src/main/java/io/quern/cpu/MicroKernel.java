package io.quern.cpu;

/**
 * The innermost product of matrices, on a tile that fits the registers:
 *
 * <pre>
 *   D := C + A B        A (4, depth), B (depth, columns), C and D (4, columns)
 *
 *   D[r][j] = C[r][j] + fma(A[r][depth-1], B[depth-1][j], ... fma(A[r][1], B[1][j], fma(A[r][0], B[0][j], 0)))
 * </pre>
 *
 * <p>A may have any strides: a matrix, its transpose, or a packed copy of either. B is a packed panel, its rows one after the
 * other. Rows of C and D are contiguous, at any distance; D may be C, and a distance of 0 makes C one row for all four, such
 * as {@link #zeros}. A row of D depends on no other row of A, and a column on no other column of B.
 *
 * <p>Every term is one fma, in the order of the depth, and C is added last: the lane width and the shape of the tile leave no
 * trace in the result. A sum over many products is rounded as often as one of them is deep and they are many, not as often as
 * it has terms: with C first, FP32 attention to 4096 keys was off by 1.4e-6.
 *
 * <p>Four rows by three vectors take 12 accumulators, 3 registers for a row of B and 1 for an element of A: the 16 that AVX2
 * has, and enough chains for two FMA units with a latency of four cycles. With 512-bit vectors and their 32 registers larger
 * tiles gain little (6 by 4: some 4%, 8 by 3: nothing), and none with 24 accumulators suits 16 registers: hence one shape for
 * all widths.
 *
 * <p>All addresses are absolute and trusted ({@link AddressSpace}); strides are in bytes, none of them negative. Nothing is
 * allocated.
 */
public sealed interface MicroKernel permits Fp32MicroKernel, Fp64MicroKernel {
    /** Rows of a tile. */
    int ROWS = 4;

    /** Vectors in a row of a tile. */
    int VECTORS = 3;

    /** Vectors in a row of a tile of {@link #multiplyAddRows}: with 32 registers four, with 16 two. */
    int ROW_VECTORS = Lanes.BITS == 512 ? 4 : 2;

    /** For FP32. */
    MicroKernel FP32 = new Fp32MicroKernel();

    /** For FP64. */
    MicroKernel FP64 = new Fp64MicroKernel();

    /** {@return the size of an element in bytes} */
    int elementBytes();

    /** {@return the columns of a tile: {@link #VECTORS} vectors} */
    default int columns() {
        return (int) (rowBytes() / elementBytes());
    }

    /** {@return the length of a row of B in bytes; with this alignment no load crosses a cache line} */
    default long rowBytes() {
        return VECTORS * (Lanes.BITS / 8L);
    }

    /** {@return where a row of zeros lies, as C with distance 0} */
    static long zeros() {
        return Zeros.ADDRESS;
    }

    /**
     * Computes a tile.
     *
     * @param depth how many columns A has, and rows B; 0 or more
     * @param a where A[0][0] lies
     * @param aRow from a row of A to the next
     * @param aStep from a column of A to the next
     * @param b where B[0][0] lies
     * @param c where C[0][0] lies
     * @param cRow from a row of C to the next
     * @param d where D[0][0] lies; written
     * @param dRow from a row of D to the next
     */
    void multiplyAdd(int depth, long a, long aRow, long aStep, long b, long c, long cRow, long d, long dRow);

    /**
     * Computes a tile of {@link #ROW_VECTORS} vectors, with rows of B at any distance: where B is a matrix that is used too
     * seldom to be packed, and 64 channels are to be one tile.
     *
     * @param bRow from a row of B to the next
     */
    void multiplyAddRows(
            int depth, long a, long aRow, long aStep, long b, long bRow, long c, long cRow, long d, long dRow);
}
