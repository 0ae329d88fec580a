package io.quern.attention;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.quern.Allocation;
import io.quern.BoundCall;
import io.quern.DType;
import io.quern.Device;
import io.quern.ForkedJvm;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.cpu.Lanes;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RowSoftmaxTest {
    @ParameterizedTest
    @EnumSource(names = {"FP64", "FP32", "FP16", "BF16"})
    @Tag("cpu")
    void aRunOnTheCpuAllocatesNothing(DType dtype) {
        Device device = Device.cpu(1);
        try (TensorArena arena = TensorArena.open(device);
                Stream stream = Stream.open(device)) {
            Tensor x = arena.allocate(dtype, 3, 1500).fill(0.5);
            Tensor y = arena.allocate(dtype, 3, 1500);
            for (RowSoftmax kind : RowSoftmax.values()) {
                try (BoundCall forward = kind.bind(stream, x, y);
                        BoundCall backward = kind.bindBackward(stream, y, x, x)) {
                    Allocation.assertNone(forward.toString(), forward::run);
                    Allocation.assertNone(backward.toString(), backward::run);
                }
            }
        }
    }

    @Test
    @Tag("cpu")
    void theBitsAreTheSameOnceCompiled() throws Exception {
        ForkedJvm.Result result = new ForkedJvm()
                .flag("--add-modules=jdk.incubator.vector")
                .flag("-Dio.quern.lanes=" + Lanes.BITS)
                .flag("-XX:TieredStopAtLevel=4") // the compiler whose order is another
                .run(SoftmaxBits.class);
        assertEquals(0, result.exitCode(), result::output);
    }
}
