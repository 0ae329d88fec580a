package io.quern.bench.report;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/** A text table with aligned columns. A heading that begins with {@code >} is set flush right, as are its cells. */
public final class Table {
    private static final String GAP = "  ";
    private static final String RIGHT = ">";

    private final String[] headings;
    private final boolean[] right;
    private final List<String[]> rows = new ArrayList<>();

    /** Begins a table with these columns. */
    public Table(String... headings) {
        this.headings = new String[headings.length];
        this.right = new boolean[headings.length];
        for (int i = 0; i < headings.length; i++) {
            right[i] = headings[i].startsWith(RIGHT);
            this.headings[i] = right[i] ? headings[i].substring(RIGHT.length()) : headings[i];
        }
    }

    /** Adds a row, one cell a column; null leaves a cell empty. */
    public Table row(Object... cells) {
        if (cells.length != headings.length) {
            throw new IllegalArgumentException(
                    "a row of this table has " + headings.length + " cells, but " + cells.length + " are given");
        }
        rows.add(Arrays.stream(cells)
                .map(cell -> cell == null ? "" : cell.toString())
                .toArray(String[]::new));
        return this;
    }

    /** {@return whether it has no rows} */
    public boolean isEmpty() {
        return rows.isEmpty();
    }

    /** {@return headings, a rule and the rows, each line ended} */
    @Override
    public String toString() {
        int[] widths = widths();
        String rule = Arrays.stream(widths).mapToObj("\u2500"::repeat).collect(Collectors.joining(GAP));
        return line(headings, widths) + "\n" + rule + "\n" + rows();
    }

    /** {@return the rows alone, each line ended} */
    public String rows() {
        int[] widths = widths();
        return rows.stream().map(row -> line(row, widths) + "\n").collect(Collectors.joining());
    }

    private int[] widths() {
        int[] widths = Arrays.stream(headings).mapToInt(Table::width).toArray();
        for (String[] row : rows) {
            for (int i = 0; i < row.length; i++) {
                widths[i] = Math.max(widths[i], width(row[i]));
            }
        }
        return widths;
    }

    private String line(String[] cells, int[] widths) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < cells.length; i++) {
            String fill = " ".repeat(widths[i] - width(cells[i]));
            line.append(i == 0 ? "" : GAP)
                    .append(right[i] ? fill : "")
                    .append(cells[i])
                    .append(right[i] ? "" : fill);
        }
        return line.toString().stripTrailing();
    }

    private static int width(String cell) {
        return cell.codePointCount(0, cell.length());
    }
}
