package io.quern.cuda;

import static java.util.Comparator.comparing;
import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toMap;
import static java.util.stream.Collectors.toSet;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.quern.GoldenCounters;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * What NVIDIA's assembler says of the shipped PTX, without a GPU: that it takes each file for every GPU it is meant for, and
 * what each kernel uses there. It says the same of the same text whenever it is asked, and takes ten minutes of a processor for
 * all of it: so what it has said is kept ({@link PtxRecord}), and it is only asked for the shortest files each time.
 */
class PtxTest {
    private static final List<String> GPUS = List.of("sm_75", "sm_80", "sm_86", "sm_89", "sm_90");

    /** The newest ISA that drivers of CUDA 11.8 take, the oldest we support. */
    private static final String ISA = "7.8";

    /** Whether all files are assembled, and not the shortest only. */
    private static final boolean ALL =
            GoldenCounters.RENEWED || "all".equals(System.getProperty("io.quern.test.assembled"));

    /** How many of an architecture's files are assembled each time, the shortest: what is on record is as the assembler says. */
    private static final int SHORTEST = 3;

    private static final String RENEW = "after a change that is meant, assemble all anew: ./mvnw test -pl java -am "
            + "-Dtest=PtxTest -Dsurefire.failIfNoSpecifiedTests=false -Dio.quern.golden=renew";

    private static List<PtxFile> assembled() {
        if (ALL) {
            return PtxFile.all();
        }
        Map<String, List<PtxFile>> byArchitecture = PtxFile.all().stream().collect(groupingBy(PtxFile::architecture));
        return byArchitecture.values().stream()
                .flatMap(files -> files.stream()
                        .sorted(comparing(file -> file.text().length()))
                        .limit(SHORTEST))
                .toList();
    }

    /** {@return its target and all that are newer} */
    private static List<String> gpus(PtxFile file) {
        return GPUS.subList(GPUS.indexOf(target(file)), GPUS.size());
    }

    private static String target(PtxFile file) {
        return file.architecture().replace("compute", "sm");
    }

    /** Its text is what the assembler took, and what that said of each kernel is within bounds on every GPU. */
    @TestFactory
    Stream<DynamicTest> everyFileIsOnRecord() throws IOException {
        if (GoldenCounters.RENEWED) {
            return Stream.empty(); // everyFileAssembles makes it
        }
        PtxRecord record = PtxRecord.read();
        PtxRecord now = PtxRecord.of(PtxFile.all());
        List<DynamicTest> tests = new ArrayList<>();
        tests.add(dynamicTest(
                "by this assembler",
                () -> assertEquals(record.assembler(), now.assembler(), "JCuda's assembler is another; " + RENEW)));
        tests.add(dynamicTest(
                "no more and no fewer",
                () -> assertEquals(record.digests().keySet(), now.digests().keySet(), "files on record; " + RENEW)));
        now.digests()
                .forEach((name, digest) -> tests.add(dynamicTest(
                        name,
                        () -> assertEquals(
                                record.digests().get(name), digest, name + " is not what was assembled; " + RENEW))));
        for (PtxFile file : PtxFile.all()) {
            RegisterCounts shipped = RegisterCounts.parse(Files.readString(PtxFile.registers(file.architecture())));
            Map<String, Integer> budget = registerBudget(file.room());
            for (String gpu : gpus(file)) {
                tests.add(dynamicTest(file + " on " + gpu, () -> {
                    for (String kernel : file.entries().keySet()) {
                        Integer registers = shipped.on(gpu).get(kernel);
                        assertNotNull(registers, "no registers of " + kernel + " on " + gpu + "; " + RENEW);
                        checkBudget(budget, file.room(), kernel, registers, gpu);
                    }
                }));
            }
        }
        return tests.stream();
    }

    @TestFactory
    Stream<DynamicTest> everyFileAssembles() {
        List<DynamicTest> tests = new ArrayList<>();
        Map<String, Map<String, List<Future<List<PtxAssembler.Usage>>>>> byArchitecture = new TreeMap<>();
        AtomicInteger good = new AtomicInteger();
        // NVIDIA's guide ("Thread Safety") allows threads with handles of their own.
        try (ExecutorService pool =
                Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors())) {
            for (PtxFile file : assembled()) {
                for (String gpu : gpus(file)) {
                    Future<List<PtxAssembler.Usage>> usages =
                            pool.submit(() -> PtxAssembler.assemble(file.text(), gpu));
                    tests.add(dynamicTest(file + " for " + gpu, () -> {
                        checkUsage(file, gpu, usages.get());
                        good.incrementAndGet();
                    }));
                    byArchitecture
                            .computeIfAbsent(file.architecture(), _ -> new TreeMap<>())
                            .computeIfAbsent(gpu, _ -> new ArrayList<>())
                            .add(usages);
                }
            }
        }
        int files = tests.size();
        byArchitecture.forEach((architecture, byGpu) ->
                tests.add(dynamicTest(architecture + ", registers", () -> checkRegisters(architecture, byGpu))));
        if (GoldenCounters.RENEWED) {
            tests.add(dynamicTest("all is put on record", () -> {
                assertEquals(files, good.get(), "files that are as they should be, each on each of its GPUs");
                PtxRecord.of(PtxFile.all()).write();
            }));
        }
        return tests.stream();
    }

    /** What ships beside the PTX for the emulator is what the assembler says, or becomes it. */
    private static void checkRegisters(String architecture, Map<String, List<Future<List<PtxAssembler.Usage>>>> byGpu)
            throws Exception {
        SortedMap<String, SortedMap<String, Integer>> assembled = new TreeMap<>();
        for (Map.Entry<String, List<Future<List<PtxAssembler.Usage>>>> on : byGpu.entrySet()) {
            SortedMap<String, Integer> registers = new TreeMap<>();
            for (Future<List<PtxAssembler.Usage>> usages : on.getValue()) {
                usages.get().forEach(usage -> registers.put(usage.kernel(), usage.registers()));
            }
            assembled.put(on.getKey(), registers);
        }
        Path file = PtxFile.registers(architecture);
        if (GoldenCounters.RENEWED) {
            Files.writeString(
                    file,
                    "# Registers a thread, as NVIDIA's assembler inside JCuda counts them: written by PtxTest\n"
                            + new RegisterCounts(assembled));
        }
        RegisterCounts shipped = RegisterCounts.parse(Files.readString(file));
        assembled.forEach((gpu, registers) -> {
            Map<String, Integer> stated = new TreeMap<>(shipped.on(gpu));
            if (!ALL) {
                stated.keySet().retainAll(registers.keySet());
            }
            assertEquals(registers, stated, file + " for " + gpu + "; " + RENEW);
        });
    }

    private static void checkUsage(PtxFile file, String gpu, List<PtxAssembler.Usage> usages) {
        Map<String, Integer> budget = registerBudget(file.room());
        Set<String> assembled = usages.stream().map(PtxAssembler.Usage::kernel).collect(toSet());
        assertEquals(file.entries().keySet(), assembled, "kernels that the assembler reported");
        for (PtxAssembler.Usage usage : usages) {
            assertEquals(0, usage.spillBytes(), usage.kernel() + " spills registers on " + gpu);
            checkBudget(budget, file.room(), usage.kernel(), usage.registers(), gpu);
        }
    }

    private static void checkBudget(Map<String, Integer> budget, String room, String kernel, int used, String gpu) {
        Integer most = budget.get(kernel);
        assertTrue(
                most != null,
                kernel + " has no line in " + budgetName(room) + "; it uses " + used + " registers on " + gpu);
        assertTrue(
                used <= most, kernel + " uses " + used + " registers on " + gpu + ", more than its budget of " + most);
    }

    @TestFactory
    Stream<DynamicTest> everyFileDeclaresTheOldestIsaAndItsTarget() {
        return PtxFile.all().stream()
                .map(file -> dynamicTest(file.toString(), () -> {
                    assertEquals(ISA, file.directive("version"));
                    assertEquals(target(file), file.directive("target"));
                }));
    }

    /** {@return the most registers each kernel of a room may use, from lines of a kernel and a number} */
    private static Map<String, Integer> registerBudget(String room) {
        try (InputStream in = PtxTest.class.getResourceAsStream(budgetName(room))) {
            assertTrue(in != null, "there is no " + budgetName(room) + " among the test resources");
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .filter(line -> !line.isBlank() && !line.startsWith("#"))
                    .map(line -> line.split("\\s+"))
                    .collect(toMap(words -> words[0], words -> Integer.parseInt(words[1])));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static String budgetName(String room) {
        return "/io/quern/" + room + "/registers.txt";
    }

    /** The modules for tensor cores are for what compute_80 has: BF16 products and copies beside the threads. */
    @Test
    void bothArchitecturesHaveEveryOtherModule() {
        Map<String, Set<String>> modules = new LinkedHashMap<>();
        for (PtxFile file : PtxFile.all()) {
            if (!file.module().contains("_tensor_")) {
                modules.merge(file.architecture(), Set.of(file.module()), PtxTest::union);
            }
        }
        assertEquals(modules.get("compute_75"), modules.get("compute_80"));
        assertFalse(modules.get("compute_75").isEmpty());
    }

    private static Set<String> union(Set<String> a, Set<String> b) {
        return Stream.concat(a.stream(), b.stream()).collect(toSet());
    }

    @Test
    void theAssemblerReportsSpills() throws Exception {
        PtxAssembler.Usage usage = PtxAssembler.assemble(spilling(), "sm_80").getFirst();
        assertEquals("toy_spill", usage.kernel());
        assertTrue(usage.spillBytes() > 0, usage.toString());
    }

    @Test
    void theAssemblerRefusesWhatIsNoPtx() {
        PtxAssembler.Refusal refusal = assertThrows(
                PtxAssembler.Refusal.class,
                () -> PtxAssembler.assemble(spilling().replace("add.u32", "add.u99"), "sm_80"));
        assertTrue(refusal.getMessage().contains("'.u99'"), refusal.getMessage());
    }

    /** {@return a kernel of 40 live values that may use 16 registers} */
    private static String spilling() {
        StringBuilder ptx = new StringBuilder("""
            .version 7.8
            .target sm_80
            .address_size 64
            .visible .entry toy_spill(.param .u64 toy_spill_param_0)
            .maxnreg 16
            {
            .reg .b64 %p;
            .reg .b32 %r<40>;
            ld.param.u64 %p, [toy_spill_param_0];
            """);
        for (int i = 0; i < 40; i++) {
            ptx.append("ld.volatile.global.u32 %r")
                    .append(i)
                    .append(", [%p+")
                    .append(4 * i)
                    .append("];\n");
        }
        for (int i = 39; i >= 0; i--) {
            ptx.append("add.u32 %r" + i + ", %r" + i + ", %r" + (i * 7 + 3) % 40 + ";\n");
            ptx.append("st.volatile.global.u32 [%p+")
                    .append(4 * i)
                    .append("], %r")
                    .append(i)
                    .append(";\n");
        }
        return ptx.append("ret;\n}\n").toString();
    }
}
