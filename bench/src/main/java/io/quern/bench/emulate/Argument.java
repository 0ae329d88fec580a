package io.quern.bench.emulate;

import io.quern.DType;
import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * An argument of a kernel as a command line has it: {@code int32=4096} is a number, {@code fp32[4096]} the address of so many
 * elements that nobody has written, {@code fp32[4096]=0.5} of elements that hold a number.
 *
 * @param text as it was given
 * @param dtype of the number, or of each element
 * @param count elements; 0 for a number
 * @param value the number, or that of each element; null where nobody has written them
 */
record Argument(String text, DType dtype, long count, Double value) {
    private static final Pattern FORM = Pattern.compile("(?<type>[a-z0-9]+)(\\[(?<count>\\d{1,15})])?(=(?<value>.+))?");
    private static final String TYPES = Arrays.stream(DType.values())
            .map(type -> type.name().toLowerCase(Locale.ROOT))
            .collect(Collectors.joining(", "));

    /**
     * Reads an argument.
     *
     * @throws IllegalArgumentException naming the text and what was expected
     */
    static Argument parse(String text) {
        Matcher form = FORM.matcher(text);
        if (!form.matches() || (form.group("count") == null && form.group("value") == null)) {
            throw wrong(text);
        }
        DType dtype = Arrays.stream(DType.values())
                .filter(type -> type.name().equalsIgnoreCase(form.group("type")))
                .findFirst()
                .orElseThrow(() -> wrong(text));
        long count = form.group("count") == null ? 0 : Long.parseLong(form.group("count"));
        if (form.group("count") != null && count == 0) {
            throw wrong(text);
        }
        try {
            Double value = form.group("value") == null ? null : Double.valueOf(form.group("value"));
            return new Argument(text, dtype, count, value);
        } catch (NumberFormatException noNumber) {
            throw wrong(text);
        }
    }

    private static IllegalArgumentException wrong(String text) {
        return new IllegalArgumentException("ARGUMENT is \"" + text
                + "\"; expected TYPE=NUMBER, TYPE[COUNT] or TYPE[COUNT]=NUMBER with a type of " + TYPES);
    }

    boolean isMemory() {
        return count > 0;
    }

    /** {@return the bytes that it takes among the arguments} */
    int bytes() {
        return isMemory() ? Long.BYTES : dtype.bytes();
    }

    @Override
    public String toString() {
        return text;
    }
}
