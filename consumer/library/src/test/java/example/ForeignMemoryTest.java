package example;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import io.quern.DType;
import io.quern.Device;
import io.quern.Stream;
import io.quern.Tensor;
import io.quern.TensorArena;
import io.quern.rope.Rope;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Keys that other software keeps, rotated by Quern where they lie, or through a GPU. */
class ForeignMemoryTest {
    private static final int TOKENS = 5;
    private static final int HEADS = 3;
    private static final int HEAD_DIM = 16;
    private static final long[] POSITIONS = {0, 1, 2, 1_000, 131_071};
    private static final double BASE = 10_000;
    private static final double BOUND = 2e-6; // a few roundings of FP32 on values of a few units

    private final Rope rope = Rope.of(HEAD_DIM);
    private final float[] keys = new float[TOKENS * HEADS * HEAD_DIM];

    @BeforeEach
    void drawKeys() {
        Random random = new Random(7);
        for (int i = 0; i < keys.length; i++) {
            keys[i] = (float) random.nextGaussian();
        }
    }

    @Test
    void theLibrarySaysWhichOneItIs() {
        String version = Device.class.getPackage().getImplementationVersion();
        assertNotNull(version, "the jar's manifest lacks Implementation-Version");
    }

    @Test
    void aMappedFileIsRotatedInPlace(@TempDir Path folder) throws IOException {
        Path file = keysFile(folder);
        try (Arena mapping = Arena.ofShared()) {
            Tensor mapped = Tensor.borrow(map(file, mapping), DType.FP32, TOKENS, HEADS, HEAD_DIM);
            rotateInPlace(mapped);
        }
        assertRotated(floats(Files.readAllBytes(file)));
    }

    @Test
    void aMappedFileIsRotatedOnCudaToTheSameBits(@TempDir Path folder) throws IOException {
        Path file = keysFile(folder);
        float[] onCuda;
        try (Arena mapping = Arena.ofShared();
                TensorArena arena = TensorArena.open(Device.cuda(0));
                Stream stream = Stream.open(Device.cuda(0))) {
            Tensor mapped = Tensor.borrow(map(file, mapping), DType.FP32, TOKENS, HEADS, HEAD_DIM);
            Tensor onDevice =
                    arena.allocate(DType.FP32, TOKENS, HEADS, HEAD_DIM).copyFrom(mapped);
            Tensor positions = arena.allocate(DType.INT64, TOKENS).copyFrom(POSITIONS);
            rope.apply(stream, onDevice, positions, onDevice);
            stream.synchronize();
            onCuda = onDevice.toFloatArray();
            rotateInPlace(mapped);
            assertArrayEquals(mapped.toFloatArray(), onCuda);
        }
        assertRotated(onCuda);
    }

    @Test
    void anOnnxTensorIsRotatedInPlace() throws OrtException {
        FloatBuffer memory = ByteBuffer.allocateDirect(keys.length * Float.BYTES)
                .order(ByteOrder.nativeOrder())
                .asFloatBuffer();
        memory.put(keys).rewind();
        long[] shape = {TOKENS, HEADS, HEAD_DIM};
        try (OnnxTensor onnx = OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), memory, shape)) {
            rotateInPlace(
                    Tensor.borrow(MemorySegment.ofBuffer(onnx.getBufferRef().orElseThrow()), DType.FP32, shape));
            float[] seenByOnnx = new float[keys.length];
            onnx.getFloatBuffer().get(seenByOnnx);
            assertRotated(seenByOnnx);
        }
    }

    private void rotateInPlace(Tensor x) {
        try (TensorArena arena = TensorArena.open(Device.cpu());
                Stream stream = Stream.open(Device.cpu())) {
            Tensor positions = arena.allocate(DType.INT64, TOKENS).copyFrom(POSITIONS);
            rope.apply(stream, x, positions, x);
        }
    }

    /** The formula of the paper in doubles, written down once more by someone who cannot see Quern's. */
    private void assertRotated(float[] actual) {
        int half = HEAD_DIM / 2;
        for (int row = 0; row < TOKENS * HEADS; row++) {
            for (int k = 0; k < half; k++) {
                double angle = POSITIONS[row / HEADS] * Math.pow(BASE, -2.0 * k / HEAD_DIM);
                double a = keys[row * HEAD_DIM + k];
                double b = keys[row * HEAD_DIM + half + k];
                assertEquals(a * Math.cos(angle) - b * Math.sin(angle), actual[row * HEAD_DIM + k], BOUND);
                assertEquals(b * Math.cos(angle) + a * Math.sin(angle), actual[row * HEAD_DIM + half + k], BOUND);
            }
        }
    }

    private Path keysFile(Path folder) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(keys.length * Float.BYTES).order(ByteOrder.nativeOrder());
        bytes.asFloatBuffer().put(keys);
        return Files.write(folder.resolve("keys.f32"), bytes.array());
    }

    private static MemorySegment map(Path file, Arena mapping) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size(), mapping);
        }
    }

    private static float[] floats(byte[] bytes) {
        float[] values = new float[bytes.length / Float.BYTES];
        ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()).asFloatBuffer().get(values);
        return values;
    }
}
