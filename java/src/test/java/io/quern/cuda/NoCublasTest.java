package io.quern.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quern.DType;
import io.quern.Device;
import io.quern.DeviceUnavailableException;
import io.quern.ForkedJvm;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.linear.Gemm;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A machine with a driver and without cuBLAS: here the emulator, without the stand-in that lies beside it. */
@Tag("no-driver")
class NoCublasTest {
    /** Asks for a product twice, and for the device's other abilities in between. */
    static final class Products {
        private Products() {}

        public static void main(String[] arguments) {
            Device device = Device.cuda(0);
            try (TensorArena arena = TensorArena.open(device);
                    Stream stream = Stream.open(device)) {
                Tensor a = arena.allocate(DType.FP32, 2, 2).fill(1);
                Tensor c = arena.allocate(DType.FP32, 2, 2).fill(3);
                for (int i = 0; i < 2; i++) {
                    try {
                        Gemm.PRODUCT.run(stream, a, a, c);
                        System.out.println("not refused");
                    } catch (DeviceUnavailableException e) {
                        System.out.println(e.getMessage() + " | " + c.toFloatArray()[3]);
                    }
                }
            }
        }
    }

    @Test
    void aProductNamesTheLibraryAndTheCure(@TempDir Path folder) throws Exception {
        Path driver = folder.resolve("libcuda.so.1");
        try (InputStream packed =
                getClass().getResourceAsStream("/io/quern/emulator/linux-x86_64/" + driver.getFileName())) {
            Files.copy(packed, driver);
        }
        ForkedJvm.Result result = new ForkedJvm()
                .flag("-Dio.quern.cuda=emulator")
                .flag("-Dio.quern.emulator.library=" + driver)
                .flag("-Djava.library.path=" + System.getProperty("java.library.path"))
                .run(Products.class);
        assertEquals(0, result.exitCode(), result::output);
        String[] lines = result.output().lines().toArray(String[]::new);
        assertEquals(2, lines.length, result::output);
        for (String line : lines) {
            assertTrue(
                    line.startsWith(
                            "cuBLAS on cuda:0 is not available: libcublas.so.12 does not load (libcublas.so.12:"),
                    line);
            assertTrue(line.contains("; install cuBLAS of CUDA 12 and put its folder into LD_LIBRARY_PATH"), line);
            assertTrue(line.endsWith(" | 3.0"), line);
        }
    }
}
