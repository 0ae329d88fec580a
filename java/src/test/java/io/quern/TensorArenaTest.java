package io.quern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

class TensorArenaTest {
    @Test
    void useAfterCloseAlwaysThrows() {
        TensorArena arena = TensorArena.open(Device.cpu());
        Tensor tensor = arena.allocate(DType.FP32, 4, 8);
        Tensor view = tensor.slice(0, 1, 2);
        assertEquals(128, arena.bytes());
        arena.close();
        assertThrows(IllegalStateException.class, tensor::toFloatArray);
        assertThrows(IllegalStateException.class, () -> tensor.fill(1));
        assertThrows(IllegalStateException.class, () -> view.copyFrom(new float[8]));
        assertThrows(IllegalStateException.class, () -> view.segment().get(ValueLayout.JAVA_FLOAT, 0));
        assertThrows(IllegalStateException.class, () -> arena.allocate(DType.FP32, 1));
        assertThrows(IllegalStateException.class, arena::close);
    }

    @Test
    void anArenaThatIsLostIsNamedInTheLog() throws InterruptedException {
        BlockingQueue<String> messages = new LinkedBlockingQueue<>();
        Logger log = Logger.getLogger(TensorArena.class.getName());
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                messages.add(entry.getMessage());
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        log.addHandler(handler);
        log.setUseParentHandlers(false);
        try {
            TensorArena.open(Device.reference()).allocate(DType.FP64, 4321);
            String message = null;
            for (int attempt = 0; attempt < 100 && message == null; attempt++) {
                System.gc();
                message = messages.poll(100, TimeUnit.MILLISECONDS);
            }
            assertTrue(
                    message != null && message.contains("reference") && message.contains("34568 bytes"),
                    "logged: " + message);
        } finally {
            log.removeHandler(handler);
            log.setUseParentHandlers(true);
        }
    }
}
