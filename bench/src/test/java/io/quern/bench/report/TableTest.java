package io.quern.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class TableTest {
    @Test
    void columnsAreAlignedAndLinesEndWithTheirText() {
        Table table = new Table("room", ">cases", "result");
        table.row("lion", 7, "ok").row("attention", 1234, null);
        assertEquals("""
            room       cases  result
            ─────────  ─────  ──────
            lion           7  ok
            attention   1234
            """, table.toString());
    }

    @Test
    void aRowOfAnotherWidthIsRefused() {
        Table table = new Table("room", "result");
        var refused = assertThrows(IllegalArgumentException.class, () -> table.row("lion"));
        assertEquals("a row of this table has 2 cells, but 1 are given", refused.getMessage());
    }
}
