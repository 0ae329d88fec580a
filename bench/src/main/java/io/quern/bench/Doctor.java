package io.quern.bench;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.quern.bench.machine.Examination;
import io.quern.bench.machine.Finding;
import io.quern.bench.machine.Finding.State;
import io.quern.bench.machine.Machine;
import io.quern.bench.report.Json;
import io.quern.bench.report.Table;
import io.quern.bench.report.Units;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Says whether this machine can run Quern, and if not, what to do. */
@Command(
        name = "doctor",
        description = "Says what this machine has, and whether Quern can run on it. Exits with 1 if something that is"
                + " needed is missing or broken; a GPU is not needed.")
final class Doctor implements Callable<Integer> {
    @Option(names = "--json", description = "print JSON")
    private boolean json;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        Machine machine = Machine.here();
        List<Finding> findings = Examination.of(machine, Rooms.withPtx(), Library.version());
        boolean healthy = findings.stream().noneMatch(finding -> finding.state() == State.BROKEN);
        PrintWriter out = spec.commandLine().getOut();
        out.println(json ? Json.text(json(machine, findings, healthy)) : text(findings, healthy));
        out.flush();
        return healthy ? 0 : 1;
    }

    private static JsonObject json(Machine machine, List<Finding> findings, boolean healthy) {
        JsonArray list = new JsonArray();
        findings.forEach(finding -> list.add(finding.json()));
        JsonObject json = new JsonObject();
        json.addProperty("healthy", healthy);
        json.add("findings", list);
        json.add("machine", machine.json());
        return json;
    }

    private static String text(List<Finding> findings, boolean healthy) {
        Table table = new Table("", "", "");
        StringBuilder cures = new StringBuilder();
        for (Finding finding : findings) {
            table.row(finding.what(), mark(finding.state()), finding.detail());
            if (!finding.cure().isEmpty() && finding.state() != State.OK) {
                cures.append(finding.what()).append(": ").append(finding.cure()).append('\n');
            }
        }
        return table.rows() + (cures.isEmpty() ? "" : "\n" + cures) + "\n"
                + (healthy ? "healthy" : "NOT healthy: see what is BROKEN above");
    }

    private static String mark(State state) {
        return switch (state) {
            case OK -> "ok";
            case ABSENT -> Units.NONE;
            case BROKEN -> "BROKEN";
        };
    }
}
