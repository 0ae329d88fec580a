package io.quern.cpu;

/**
 * What a softmax does with panels: matrices of any number of rows and {@link MicroKernel#columns} columns, row after row, as
 * the micro-kernel takes for B. Everything goes down the columns, so that a column is one softmax and no lane needs another.
 *
 * <p>Numbers of a column (maxima, sums, ...) are one row of a panel. All addresses are absolute and trusted
 * ({@link AddressSpace}), and aligned to a vector. Nothing is allocated.
 */
public sealed interface PanelMath permits Fp32PanelMath, Fp64PanelMath {
    /** For FP32. */
    PanelMath FP32 = new Fp32PanelMath();

    /** For FP64. */
    PanelMath FP64 = new Fp64PanelMath();

    /** The rows that {@link #exponentials} takes at a time. */
    int CHUNK = 32;

    /** Raises each column's maximum to the largest of its elements. Elements that are NaN may be passed over. */
    void maxima(int rows, long panel, long maxima);

    /**
     * Replaces each element x by 2^(x - shift) ({@link Exp2}) and adds it to its column's sum.
     *
     * @param shifts one a column
     * @param sums one a column; added to
     */
    void exponentials(int rows, long panel, long shifts, long sums);

    /** Adds each column's 2^x (x - shift) to its sum, where the panel holds 2^(x - shift) and another one x. */
    void moments(int rows, long powers, long panel, long shifts, long sums);

    /** Adds each column's squares to its sum. */
    void squares(int rows, long panel, long sums);

    /** Replaces each element x by outer tanh(inner x), off by a few roundings relatively, as small as x may be. */
    void tanh(int rows, long panel, double inner, double outer);

    /** Subtracts {@code slopes[column] |places[column] - r|} from the elements of row r. */
    void distances(int rows, long panel, long places, long slopes);

    /** Multiplies each column by its factor. */
    void scale(int rows, long panel, long factors);

    /** Subtracts from each row its number; numbers lie one behind the other. */
    void subtractRows(int rows, long panel, long numbers);

    /** Replaces each element x by its weight, of a panel of them, times x + the row's number. */
    void weigh(int rows, long weights, long panel, long numbers);

    /** Writes a vector, each element times a factor, elsewhere or where it is. */
    void scaleVector(int length, long from, double factor, long to);

    /** Adds a vector to another. */
    void addVector(int length, long from, long to);

    /**
     * Keeps the elements of row r whose column has {@code begins[column] <= r < ends[column]}; the others become -infinity,
     * whatever they were.
     *
     * @param firstRow the first row's r
     * @param begins whole numbers in the panel's type
     * @param ends whole numbers in the panel's type
     */
    void keep(int firstRow, int rows, long panel, long begins, long ends);

    /**
     * Lays a vector out as a column of a panel, each element times a factor.
     *
     * @param length of the vector: the panel's rows
     * @param from where it lies
     * @param panel written
     */
    void packColumn(int length, long from, double factor, long panel, int column);

    /**
     * Writes a column of a panel as a vector, each element times a factor.
     *
     * @param length of the vector: at most the panel's rows
     * @param to where it lies; written
     */
    void unpackColumn(int length, long panel, int column, double factor, long to);

    /**
     * Adds a vector to a column of a panel, each element times a factor and, if it is finite, no less than the least finite
     * number; where the element is -infinity the sum is too, whatever was there.
     */
    void addColumn(int length, long from, double factor, long panel, int column);

    /** Sets a column's elements to -infinity where those of a vector of 32-bit integers are 0. */
    void hideColumn(int length, long mask, long panel, int column);

    /**
     * Lays a vector out as a row of adjoining panels; in the last one, zeros follow its end.
     *
     * @param from where it lies
     * @param panels where the row of the first panel lies; written
     * @param panelBytes from a panel to the next
     */
    void packRow(int length, long from, long panels, long panelBytes);

    /**
     * Writes alpha times a vector plus beta times what was there, which is not read where beta is 0.
     *
     * @param from where the vector lies
     * @param to where what was there lies; written
     */
    void combine(int length, long from, double alpha, long to, double beta);

    /** {@return whether all elements of some vectors are finite} */
    boolean allFinite(int vectors, int length, long from, long stride);

    /** {@return number i of a row} */
    double get(long row, int i);

    /** Sets number i of a row, rounded to the panel's type. */
    void set(long row, int i, double value);
}
