package io.quern.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UnitsTest {
    @ParameterizedTest
    @CsvSource({"2.6e-8, 26.0 ns", "9.996e-7, 1.00 µs", "0.0449, 44.9 ms", "1.5, 1.50 s", "90, 90.0 s", "NaN, –"})
    void seconds(double seconds, String text) {
        assertEquals(text, Units.seconds(seconds));
    }

    @ParameterizedTest
    @CsvSource({"48, 48 B", "32768, 32 KiB", "1048576, 1 MiB", "25276502016, 23.5 GiB"})
    void bytes(double bytes, String text) {
        assertEquals(text, Units.bytes(bytes));
    }

    @ParameterizedTest
    @CsvSource({"0, 0%", "0.0000001, <0.1%", "0.123, 12.3%", "0.9999, 100%", "2.5, 250%", "NaN, –"})
    void percent(double share, String text) {
        assertEquals(text, Units.percent(share));
    }

    @Test
    void anExactResultShowsAsZero() {
        assertEquals("0", Units.error(0));
        assertEquals("1.19e-07", Units.error(1.19e-7));
    }
}
