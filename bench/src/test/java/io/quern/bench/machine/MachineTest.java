package io.quern.bench.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineTest {
    private static void write(Path root, String file, String text) throws IOException {
        Path path = root.resolve(file);
        Files.createDirectories(path.getParent());
        Files.writeString(path, text);
    }

    private static void cache(Path root, int index, String level, String type, String size, String cpus)
            throws IOException {
        String folder = "sys/devices/system/cpu/cpu0/cache/index" + index + "/";
        write(root, folder + "level", level + "\n");
        write(root, folder + "type", type + "\n");
        write(root, folder + "size", size + "\n");
        write(root, folder + "shared_cpu_list", cpus + "\n");
    }

    @Test
    void readsWhatLinuxTells(@TempDir Path root) throws Exception {
        write(root, "proc/cpuinfo", "processor : 0\nmodel name\t: Mill 9000\n");
        write(root, "proc/meminfo", "MemTotal:       1024 kB\n");
        write(root, "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        cache(root, 0, "1", "Data", "32K", "0");
        cache(root, 1, "2", "Unified", "1M", "0");
        cache(root, 2, "3", "Unified", "32768K", "0-3,8");
        Machine machine = Machine.read(root);
        assertEquals("Mill 9000", machine.cpu());
        assertEquals(1 << 20, machine.memoryBytes());
        assertEquals("madvise", machine.hugePages());
        assertEquals(1 << 20, machine.l2Bytes());
        assertEquals(
                "[L1d 32 KiB, L2 1 MiB, L3 32 MiB shared by 5]",
                machine.caches().toString());
    }

    @Test
    void aSilentMachineIsNoError(@TempDir Path root) throws Exception {
        cache(root, 0, "?", "", "many", "x");
        Machine machine = Machine.read(root);
        assertEquals("", machine.cpu());
        assertTrue(machine.caches().isEmpty());
        assertEquals(1 << 20, machine.l2Bytes(), "assumed");
    }
}
