package io.quern.bench.report;

import java.util.Locale;

/** Numbers as people read them: three significant digits and a unit. */
public final class Units {
    /** Stands for a number that there is none of. */
    public static final String NONE = "\u2013";

    private static final String[] TIMES = {"ns", "\u00b5s", "ms", "s"};
    private static final String[] BYTES = {"B", "KiB", "MiB", "GiB", "TiB"};

    private Units() {}

    /** {@return seconds as ns, µs, ms or s} */
    public static String seconds(double seconds) {
        if (!Double.isFinite(seconds)) {
            return NONE;
        }
        double value = seconds * 1e9;
        int unit = 0;
        while (Math.abs(value) >= 999.5 && unit < TIMES.length - 1) {
            value /= 1000;
            unit++;
        }
        return significant(value) + " " + TIMES[unit];
    }

    /** {@return bytes as B, KiB, MiB, ...} */
    public static String bytes(double bytes) {
        if (!Double.isFinite(bytes)) {
            return NONE;
        }
        double value = bytes;
        int unit = 0;
        while (Math.abs(value) >= 999.5 && unit < BYTES.length - 1) {
            value /= 1024;
            unit++;
        }
        return (value == Math.rint(value) ? String.valueOf((long) value) : significant(value)) + " " + BYTES[unit];
    }

    /** {@return a whole number, its thousands set apart} */
    public static String count(long count) {
        return String.format(Locale.ROOT, "%,d", count);
    }

    /** {@return a rate, in units of 10^9 a second} */
    public static String giga(double rate) {
        return Double.isFinite(rate) ? significant(rate * 1e-9) : NONE;
    }

    /** {@return a share as a percentage; one that is too small to be seen is not shown as none} */
    public static String percent(double share) {
        if (!Double.isFinite(share)) {
            return NONE;
        }
        double percent = share * 100;
        if (percent > 0 && percent < 0.1) {
            return "<0.1%";
        }
        return (percent >= 99.95 || percent == 0 ? plain("%.0f", percent) : plain("%.1f", percent)) + "%";
    }

    /** {@return an error or a bound, in scientific notation; an exact 0 as such} */
    public static String error(double error) {
        if (Double.isNaN(error)) {
            return NONE;
        }
        return error == 0 ? "0" : plain("%.2e", error);
    }

    /** {@return a number with three significant digits, without an exponent} */
    public static String significant(double value) {
        double size = Math.abs(value);
        if (size >= 99.95) {
            return plain("%.0f", value);
        }
        if (size >= 9.995) {
            return plain("%.1f", value);
        }
        return size >= 0.9995 || size == 0 ? plain("%.2f", value) : plain("%.3f", value);
    }

    private static String plain(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
