package io.quern.bench.measure;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.quern.DType;
import io.quern.Tensor;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** One of ONNX Runtime's own operators (its domain com.microsoft), from Java, on our kernels' memory. */
public final class OnnxPeer {
    /** What the report calls it. */
    public static final String NAME = "ONNX Runtime";

    private static final String DOMAIN = "com.microsoft";

    /** Of the ONNX file format: numbers of types, and how a field's number and kind are written. */
    private static final int FLOAT = 1;

    private static final int INT64 = 7;
    private static final int INT_ATTRIBUTE = 2;
    private static final int VARINT = 0;
    private static final int BYTES = 2;

    private final String operator;
    private final List<Value> inputs = new ArrayList<>();
    private final List<Value> outputs = new ArrayList<>();
    private final Map<String, Integer> attributes = new HashMap<>();

    /** Begins the peer of an operator. */
    public OnnxPeer(String operator) {
        this.operator = operator;
    }

    /** A tensor of ours as the operator sees it: densely packed, FP32 or INT64, perhaps of another shape. */
    private record Value(String name, Tensor tensor, long... shape) {}

    /** {@return this, with the operator's next input} */
    public OnnxPeer input(String name, Tensor tensor, long... shape) {
        inputs.add(new Value(name, tensor, shape));
        return this;
    }

    /** {@return this, with the operator's next output} */
    public OnnxPeer output(String name, Tensor tensor, long... shape) {
        outputs.add(new Value(name, tensor, shape));
        return this;
    }

    /** {@return this, with an attribute of the operator} */
    public OnnxPeer attribute(String name, int value) {
        attributes.put(name, value);
        return this;
    }

    /** {@return the peer, which starts when it is first called and lives as long as the fork} */
    public Peer peer(int threads) {
        Session[] session = new Session[1];
        return new Peer(NAME, () -> {
            try {
                if (session[0] == null) {
                    session[0] = new Session(threads);
                }
                session[0].run();
            } catch (OrtException failed) {
                throw new IllegalStateException(failed);
            }
        });
    }

    private final class Session {
        private final OrtSession session;
        private final Map<String, OnnxTensor> given;
        private final Map<String, OnnxTensor> pinned;

        Session(int threads) throws OrtException {
            OrtEnvironment environment = OrtEnvironment.getEnvironment();
            OrtSession.SessionOptions options = new OrtSession.SessionOptions();
            options.setIntraOpNumThreads(threads);
            options.setInterOpNumThreads(1);
            session = environment.createSession(model(), options);
            given = tensors(environment, inputs);
            pinned = tensors(environment, outputs);
        }

        private static Map<String, OnnxTensor> tensors(OrtEnvironment environment, List<Value> values)
                throws OrtException {
            Map<String, OnnxTensor> tensors = new HashMap<>();
            for (Value value : values) {
                ByteBuffer memory = value.tensor().segment().asByteBuffer().order(ByteOrder.nativeOrder());
                tensors.put(
                        value.name(),
                        value.tensor().dtype() == DType.INT64
                                ? OnnxTensor.createTensor(environment, memory.asLongBuffer(), value.shape())
                                : OnnxTensor.createTensor(environment, memory.asFloatBuffer(), value.shape()));
            }
            return tensors;
        }

        void run() throws OrtException {
            session.run(given, Set.of(), pinned).close();
        }
    }

    /** A file of one node. */
    private byte[] model() {
        Message node = new Message();
        Message graph = new Message();
        inputs.forEach(value -> node.text(1, value.name()));
        outputs.forEach(value -> node.text(2, value.name()));
        node.text(4, operator);
        attributes.forEach((name, value) ->
                node.message(5, new Message().text(1, name).number(3, value).number(20, INT_ATTRIBUTE)));
        node.text(7, DOMAIN);
        graph.message(1, node).text(2, operator);
        inputs.forEach(value -> graph.message(11, message(value)));
        outputs.forEach(value -> graph.message(12, message(value)));
        return new Message()
                .number(1, 8) // the format's version
                .message(7, graph)
                .message(8, new Message().text(1, "").number(2, 17))
                .message(8, new Message().text(1, DOMAIN).number(2, 1))
                .bytes();
    }

    private static Message message(Value value) {
        Message shape = new Message();
        for (long size : value.shape()) {
            shape.message(1, new Message().number(1, size));
        }
        int number = value.tensor().dtype() == DType.INT64 ? INT64 : FLOAT;
        Message type = new Message().message(1, new Message().number(1, number).message(2, shape));
        return new Message().text(1, value.name()).message(2, type);
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
