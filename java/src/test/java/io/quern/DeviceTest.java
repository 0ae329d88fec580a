package io.quern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class DeviceTest {
    @Test
    void namesLeadBackToTheDevice() {
        for (Device device : new Device[] {Device.reference(), Device.cpu(), Device.cpu(3)}) {
            assertEquals(device, Device.named(device.name()));
        }
        for (String wrong : new String[] {"", "gpu", "cpu:", "cuda:x", "reference:1", "cuda:0:1", "cpu:-1"}) {
            String message = assertThrows(IllegalArgumentException.class, () -> Device.named(wrong))
                    .getMessage();
            assertTrue(message.contains("\"" + wrong + "\"") && message.contains("cuda:<ordinal>"), message);
        }
        assertThrows(IllegalArgumentException.class, () -> Device.cpu(0));
    }
}
