package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** NVIDIA's compiler as a library, where it is installed. */
class NvrtcTest {
    private static final List<String> FLAGS = List.of("-fmad=false", "-std=c++17", "-arch=compute_80");

    @TestFactory
    List<DynamicTest> whereItIs() {
        Optional<Nvrtc> found = Nvrtc.find();
        return found.map(nvrtc -> List.of(
                        DynamicTest.dynamicTest("compiles", () -> compiles(nvrtc)),
                        DynamicTest.dynamicTest("says what is wrong", () -> saysWhatIsWrong(nvrtc))))
                .orElse(List.of());
    }

    private static void compiles(Nvrtc nvrtc) {
        String ptx = nvrtc.make("a kernel", "extern \"C\" __global__ void twice(double* x) { *x *= 2; }", FLAGS);
        assertTrue(ptx.contains(".entry twice("), ptx);
        assertTrue(ptx.contains(".target sm_80"), ptx);
        assertTrue(nvrtc.release().matches("libnvrtc\\.so\\S* \\d+\\.\\d+"), nvrtc::release);
    }

    private static void saysWhatIsWrong(Nvrtc nvrtc) {
        String message = assertThrows(IllegalStateException.class, () -> nvrtc.make("a kernel", "no such words", FLAGS))
                .getMessage();
        assertTrue(message.contains("compiling a kernel, failed with status "), message);
        assertTrue(message.contains("no such words") || message.contains("identifier \"no\""), message);
        assertTrue(message.contains("-Dio.quern.nvcc=off"), message);
    }
}
