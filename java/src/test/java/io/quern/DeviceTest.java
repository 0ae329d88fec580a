package io.quern;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class DeviceTest {
    @Test
    void namesLeadBackToTheDevice() {
        for (Device device : new Device[] {Device.reference(), Device.cpu(), Device.cpu(3), Device.cuda(0)}) {
            assertEquals(device, Device.named(device.name()));
        }
        for (String wrong : new String[] {"", "gpu", "cpu:", "cuda:x", "reference:1", "cuda:0:1", "cpu:-1"}) {
            String message = assertThrows(IllegalArgumentException.class, () -> Device.named(wrong))
                    .getMessage();
            assertTrue(message.contains("\"" + wrong + "\"") && message.contains("cuda:<ordinal>"), message);
        }
        assertThrows(IllegalArgumentException.class, () -> Device.cpu(0));
    }

    @Test
    void anOrdinalBeyondTheLastIsRefused() {
        DeviceUnavailableException refused = assertThrows(DeviceUnavailableException.class, () -> Device.cuda(1000));
        assertEquals("cuda:1000", refused.device());
        assertTrue(refused.getMessage().contains("numbered from 0"), refused.getMessage());
        assertThrows(DeviceUnavailableException.class, () -> Device.cuda(-1));
    }

    @Test
    void bestIsCudaWhereThereIsOne() {
        assertEquals(Device.cuda(0), Device.best());
    }

    @Test
    void hostDevicesShareMemory() {
        assertTrue(Device.cpu(1).sharesMemoryWith(Device.reference()));
        assertFalse(Device.cpu().sharesMemoryWith(Device.cuda(0)));
        assertFalse(Device.cuda(0).sharesMemoryWith(Device.cpu()));
    }
}
