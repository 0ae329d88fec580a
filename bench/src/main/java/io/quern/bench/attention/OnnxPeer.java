package io.quern.bench.attention;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.quern.Tensor;
import io.quern.bench.measure.Peer;
import java.io.ByteArrayOutputStream;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;

/**
 * ONNX Runtime's attention from Java, on our kernels' own memory: its MultiHeadAttention, (batch, tokens, heads * headDim), a
 * flash kernel where nothing is masked. It reads our rows as if the tokens came before the heads; that costs the same.
 */
final class OnnxPeer {
    static final String NAME = "ONNX Runtime";

    /** Of the ONNX file format: a type's number, and how a field's number and kind are written. */
    private static final int FLOAT = 1;

    private static final int INT_ATTRIBUTE = 2;
    private static final int VARINT = 0;
    private static final int BYTES = 2;

    private OnnxPeer() {}

    /** {@return a peer that starts when it is first called} */
    static Peer of(Setting setting, Tensor query, Tensor keys, Tensor values, Tensor out, int threads) {
        Session[] session = new Session[1];
        return new Peer(NAME, () -> {
            try {
                if (session[0] == null) {
                    session[0] = new Session(setting, query, keys, values, out, threads);
                }
                session[0].run();
            } catch (OrtException failed) {
                throw new IllegalStateException(failed);
            }
        });
    }

    /** Lives as long as the fork. */
    private static final class Session {
        private final OrtSession session;
        private final Map<String, OnnxTensor> inputs;
        private final Map<String, OnnxTensor> outputs;

        Session(Setting setting, Tensor query, Tensor keys, Tensor values, Tensor out, int threads)
                throws OrtException {
            OrtEnvironment environment = OrtEnvironment.getEnvironment();
            OrtSession.SessionOptions options = new OrtSession.SessionOptions();
            options.setIntraOpNumThreads(threads);
            options.setInterOpNumThreads(1);
            session = environment.createSession(model(setting), options);
            inputs = Map.of(
                    "query", tensor(environment, setting, query),
                    "key", tensor(environment, setting, keys),
                    "value", tensor(environment, setting, values));
            outputs = Map.of("out", tensor(environment, setting, out));
        }

        private static OnnxTensor tensor(OrtEnvironment environment, Setting setting, Tensor tensor)
                throws OrtException {
            return OnnxTensor.createTensor(
                    environment,
                    tensor.segment()
                            .asByteBuffer()
                            .order(ByteOrder.nativeOrder())
                            .asFloatBuffer(),
                    new long[] {1, setting.queries(), (long) setting.heads() * setting.headDim()});
        }

        void run() throws OrtException {
            session.run(inputs, Set.of(), outputs).close();
        }
    }

    /** A file of one node. */
    private static byte[] model(Setting setting) {
        Message node = new Message()
                .text(1, "query")
                .text(1, "key")
                .text(1, "value")
                .text(2, "out")
                .text(4, "MultiHeadAttention")
                .message(5, attribute("num_heads", setting.heads()))
                .message(5, attribute("unidirectional", setting.sight() == Setting.Sight.CAUSAL ? 1 : 0))
                .text(7, "com.microsoft");
        Message graph = new Message()
                .message(1, node)
                .text(2, "attention")
                .message(11, value("query", setting))
                .message(11, value("key", setting))
                .message(11, value("value", setting))
                .message(12, value("out", setting));
        return new Message()
                .number(1, 8) // the format's version
                .message(7, graph)
                .message(8, new Message().text(1, "").number(2, 17))
                .message(8, new Message().text(1, "com.microsoft").number(2, 1))
                .bytes();
    }

    private static Message attribute(String name, int value) {
        return new Message().text(1, name).number(3, value).number(20, INT_ATTRIBUTE);
    }

    private static Message value(String name, Setting setting) {
        Message shape = new Message();
        for (int size : new int[] {1, setting.queries(), setting.heads() * setting.headDim()}) {
            shape.message(1, new Message().number(1, size));
        }
        Message type = new Message().message(1, new Message().number(1, FLOAT).message(2, shape));
        return new Message().text(1, name).message(2, type);
    }

    /** A message of Protocol Buffers, in which ONNX files are written. */
    private static final class Message {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Message number(int field, long value) {
            varint(field << 3 | VARINT);
            varint(value);
            return this;
        }

        Message text(int field, String text) {
            return bytes(field, text.getBytes(StandardCharsets.UTF_8));
        }

        Message message(int field, Message message) {
            return bytes(field, message.bytes());
        }

        byte[] bytes() {
            return out.toByteArray();
        }

        private Message bytes(int field, byte[] bytes) {
            varint(field << 3 | BYTES);
            varint(bytes.length);
            out.writeBytes(bytes);
            return this;
        }

        private void varint(long value) {
            long rest = value;
            for (; rest >= 128; rest >>>= 7) {
                out.write((int) (rest & 127 | 128));
            }
            out.write((int) rest);
        }
    }
}
