package io.quern.bench.machine;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.quern.bench.measure.JavaProcess;
import io.quern.cuda.CudaContext;
import io.quern.cuda.CudaDriver;
import io.quern.cuda.CudaDriver.Provider;
import io.quern.cuda.CudaProperties;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * What a driver provider offers, asked in a process of its own: a process binds one driver, and a broken one may take its
 * process along.
 *
 * @param available whether there is a device
 * @param driverVersion the newest CUDA it supports, 12040 for 12.4; 0 where unknown
 * @param devices one line each
 * @param cause why there is none, in one line
 * @param cure what to do about it
 */
public record CudaProbe(boolean available, int driverVersion, List<String> devices, String cause, String cure) {
    private static final String MARK = "\u0001probe ";
    private static final int SECONDS = 60;

    /** {@return what that provider offers; never throws} */
    public static CudaProbe of(Provider provider) {
        List<String> command = new ArrayList<>(List.of(JavaProcess.executable()));
        command.addAll(JavaProcess.flags(CudaDriver.PROPERTY + "=" + provider.property()));
        command.addAll(List.of("-cp", JavaProcess.classPath(), CudaProbe.class.getName()));
        try {
            Process process = new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.DISCARD)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return none("its probe hangs", "restart the machine's driver");
            }
            return output.lines()
                    .filter(line -> line.startsWith(MARK))
                    .map(line -> read(line.substring(MARK.length())))
                    .findFirst()
                    .orElseGet(() -> none(
                            "its probe ended with status " + process.exitValue(),
                            "look for the hs_err file of that JVM, and reinstall the driver"));
        } catch (IOException | JsonParseException failed) {
            return none("its probe failed: " + failed.getMessage(), "run Quern from a complete build");
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            return none("its probe was interrupted", "try again");
        }
    }

    private static CudaProbe none(String cause, String cure) {
        return new CudaProbe(false, 0, List.of(), cause, cure);
    }

    /** Asks in this process, and says it in one line. */
    public static void main(String[] arguments) {
        JsonObject json = new JsonObject();
        CudaDriver.Availability found = CudaDriver.availability();
        JsonArray devices = new JsonArray();
        String cause = found.cause();
        try {
            for (int ordinal = 0; ordinal < found.deviceCount(); ordinal++) {
                devices.add(describe(CudaContext.of(ordinal).properties()));
            }
        } catch (RuntimeException | LinkageError broken) {
            cause = broken.toString().lines().findFirst().orElse("unknown");
        }
        json.addProperty("available", found.available() && cause.isEmpty());
        json.addProperty("driverVersion", found.driverVersion());
        json.add("devices", devices);
        json.addProperty("cause", cause);
        json.addProperty("cure", found.cure());
        System.out.println(MARK + json);
        System.exit(0);
    }

    private static String describe(CudaProperties device) {
        return device.name() + ", compute capability " + device.computeCapability() + ", " + device.multiprocessors()
                + " SMs, " + (device.memory() >> 20) + " MiB";
    }

    private static CudaProbe read(String line) {
        JsonObject json = JsonParser.parseString(line).getAsJsonObject();
        List<String> devices = new ArrayList<>();
        json.getAsJsonArray("devices").forEach(device -> devices.add(device.getAsString()));
        return new CudaProbe(
                json.get("available").getAsBoolean(),
                json.get("driverVersion").getAsInt(),
                devices,
                json.get("cause").getAsString(),
                json.get("cure").getAsString());
    }

    /** {@return the driver's version as {@code "12.4"}} */
    public String version() {
        return driverVersion == 0 ? "" : driverVersion / 1000 + "." + driverVersion % 1000 / 10;
    }
}
