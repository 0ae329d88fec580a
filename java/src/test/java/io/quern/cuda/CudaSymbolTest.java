package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import org.junit.jupiter.api.Test;

/** Declarations of kernels. */
class CudaSymbolTest {
    @Test
    void aSymbolBelongsToItsRoom() {
        assertEquals(
                List.of(CudaParameter.POINTER),
                CudaSymbol.of("rope", "rope_apply_fp32", CudaParameter.POINTER).parameters());
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> CudaSymbol.of("rope", "lion_step_fp32"));
        assertEquals("a symbol of room rope starts with \"rope_\", but is lion_step_fp32", e.getMessage());
        assertThrows(IllegalArgumentException.class, () -> CudaSymbol.of("rope_apply_fp32", "lion_step_fp32"));
        assertEquals(
                "rope",
                CudaSymbol.of("rope_apply_fp32", "rope_apply_halves_fp32").room());
    }

    @Test
    void parametersAreNamedAsTheirTypes() {
        assertEquals(
                "[pointer, int32, int64, float32, float64, structure of 24 bytes]",
                List.of(
                                CudaParameter.POINTER,
                                CudaParameter.INT32,
                                CudaParameter.INT64,
                                CudaParameter.FLOAT32,
                                CudaParameter.FLOAT64,
                                CudaParameter.structure(24, 8))
                        .toString());
    }

    @Test
    void aStructureHasASizeAndAnAlignmentThatTheDriverTakes() {
        assertThrows(IllegalArgumentException.class, () -> CudaParameter.structure(0, 8));
        assertThrows(IllegalArgumentException.class, () -> CudaParameter.structure(4097, 8));
        assertThrows(IllegalArgumentException.class, () -> CudaParameter.structure(24, 12));
        assertThrows(IllegalArgumentException.class, () -> CudaParameter.structure(24, 0));
    }
}
