package io.quern.bench.gpuday;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.List;
import org.junit.jupiter.api.Test;

class NsightComputeTest {
    private static final String LOADS = "l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum";
    private static final String STORES = "l1tex__t_sectors_pipe_lsu_mem_global_op_st.sum";

    /** As Nsight Compute lays it out: other programs' words around it, names, units, one line a launch. */
    private static final String OUTPUT = """
        ==PROF== Connected to process 1
        "ID","Process ID","Kernel Name","Block Size","Grid Size","%s","%s"
        "","","","","","sector","sector"
        "0","1","table","(32, 1, 1)","(1, 1, 1)","7","8"
        "1","1","step(float *, ""x"")","(256, 1, 1)","(4, 1, 1)","1,536","1024"
        "2","1","step(float *, ""x"")","(256, 1, 1)","(4, 1, 1)","1,536","1025"
        """.formatted(LOADS, STORES);

    private static final JsonArray EMULATIONS = JsonParser.parseString("""
        [{"name": "room.step", "launches": [
            {"kernel": "step", "grid": "4,1,1", "counters": {"globalLoads.sectors": 1536, "globalStores.sectors": 1024}},
            {"kernel": "step", "grid": "4,1,1", "counters": {"globalLoads.sectors": 1536, "globalStores.sectors": 1024}},
            {"kernel": "step", "grid": "5,1,1", "counters": {"globalLoads.sectors": 1536, "globalStores.sectors": 1024}}]}]
        """).getAsJsonArray();

    @Test
    void launchesAreRead() {
        List<NsightCompute.Launch> launches = NsightCompute.parse(OUTPUT);
        assertEquals(3, launches.size(), launches::toString);
        assertEquals("step", launches.get(1).kernel());
        assertEquals("4,1,1", launches.get(1).grid());
        assertEquals(1536, launches.get(1).values().get(LOADS));
        assertTrue(NsightCompute.parse("==ERROR== no permission\n").isEmpty());
    }

    @Test
    void eachLaunchIsComparedWithItsOwn() {
        JsonArray compared = NsightCompute.compare(EMULATIONS, NsightCompute.parse(OUTPUT));
        assertEquals(3, compared.size());
        assertTrue(pair(compared, 0, STORES).get("equal").getAsBoolean());
        assertEquals(1025, pair(compared, 1, STORES).get("device").getAsLong());
        assertEquals(1024, pair(compared, 1, STORES).get("emulator").getAsLong());
        assertTrue(!pair(compared, 1, STORES).get("equal").getAsBoolean());
        assertTrue(pair(compared, 1, LOADS).get("equal").getAsBoolean());
        // The device launched no such grid.
        assertTrue(pair(compared, 2, LOADS).get("device").isJsonNull());
        assertTrue(!pair(compared, 2, LOADS).get("equal").getAsBoolean());
    }

    private static JsonObject pair(JsonArray compared, int launch, String metric) {
        for (JsonElement pair : compared.get(launch).getAsJsonObject().getAsJsonArray("pairs")) {
            if (pair.getAsJsonObject().get("metric").getAsString().equals(metric)) {
                return pair.getAsJsonObject();
            }
        }
        throw new AssertionError(metric + " is not compared");
    }
}
