import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * Adds up what the runners of a build wrote: a row for each, what this machine cannot run, and one last line
 * {@code N passed, N failed, N skipped}. Exit 1 when anything failed or a runner wrote nothing.
 *
 * <pre>{@code
 * java -cp bench/target/lib/gson-*.jar .ci/Total.java NAME=FOLDER|FILE.json...
 * }</pre>
 *
 * A folder holds JUnit XML (surefire's, ctest's), a JSON file is what {@code ./quern verify --json} writes or has the
 * same members.
 */
class Total {

    private record Count(long passed, long failed, long skipped) {
        Count plus(Count other) {
            return new Count(passed + other.passed, failed + other.failed, skipped + other.skipped);
        }

        long ran() {
            return passed + failed;
        }
    }

    private static final Count NONE = new Count(0, 0, 0);
    private static final TreeSet<String> notRunHere = new TreeSet<>();

    public static void main(String[] args) throws Exception {
        Count total = NONE;
        List<String> silent = new ArrayList<>();
        for (String arg : args) {
            String name = arg.substring(0, arg.indexOf('='));
            Path source = Path.of(arg.substring(name.length() + 1));
            Count count = source.toString().endsWith(".json") ? json(source) : xml(source);
            System.out.printf(
                    "%-32s %6d passed %4d failed %4d skipped%n", name, count.passed, count.failed, count.skipped);
            if (count.ran() == 0) {
                silent.add(name);
            }
            total = total.plus(count);
        }
        notRunHere.forEach(line -> System.out.println("not run here: " + line));
        // A runner that wrote nothing has crashed or was never started: that is a failure, not a zero.
        silent.forEach(name -> System.out.println("ran nothing: " + name));
        total = total.plus(new Count(0, silent.size(), 0));
        System.out.printf("%d passed, %d failed, %d skipped%n", total.passed, total.failed, total.skipped);
        System.exit(total.failed == 0 && total.passed > 0 ? 0 : 1);
    }

    private static Count json(Path file) throws IOException {
        if (!Files.exists(file)) {
            return NONE;
        }
        JsonObject report = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
        if (report.has("notRunHere")) {
            for (JsonElement line : report.getAsJsonArray("notRunHere")) {
                notRunHere.add(line.isJsonPrimitive() ? line.getAsString() : line.toString());
            }
        }
        return new Count(
                report.get("passed").getAsLong(),
                report.get("failed").getAsLong(),
                report.get("skipped").getAsLong());
    }

    private static Count xml(Path folder) throws Exception {
        if (!Files.isDirectory(folder)) {
            return NONE;
        }
        DocumentBuilder parser = DocumentBuilderFactory.newInstance().newDocumentBuilder();
        Count count = NONE;
        List<Path> files;
        try (Stream<Path> found = Files.list(folder)) {
            files = found.filter(file -> file.toString().endsWith(".xml")).toList();
        }
        for (Path file : files) {
            NodeList cases = parser.parse(file.toFile()).getElementsByTagName("testcase");
            for (int i = 0; i < cases.getLength(); i++) {
                count = count.plus(outcome((Element) cases.item(i)));
            }
        }
        return count;
    }

    private static Count outcome(Element testcase) {
        if (has(testcase, "failure") || has(testcase, "error")) {
            return new Count(0, 1, 0);
        }
        return has(testcase, "skipped") ? new Count(0, 0, 1) : new Count(1, 0, 0);
    }

    private static boolean has(Element testcase, String child) {
        return testcase.getElementsByTagName(child).getLength() > 0;
    }
}
