package io.quern.bench.gpuday;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;

/**
 * One part of the day.
 *
 * @param name what was done
 * @param state how it went
 * @param detail in one line
 * @param seconds that it took
 * @param result what it measured, for programs
 */
public record Step(String name, State state, String detail, double seconds, JsonElement result) {
    /** How a step went. */
    public enum State {
        /** It ran and found nothing wrong. */
        OK,
        /** It ran and found something, or could not end. */
        FAILED,
        /** What it needs is not on this machine. */
        NOT_HERE
    }

    static Step ok(String name, String detail, JsonElement result) {
        return new Step(name, State.OK, detail, 0, result);
    }

    static Step failed(String name, String detail, JsonElement result) {
        return new Step(name, State.FAILED, detail, 0, result);
    }

    static Step notHere(String name, String detail) {
        return new Step(name, State.NOT_HERE, detail, 0, JsonNull.INSTANCE);
    }

    Step taking(double time) {
        return new Step(name, state, detail, time, result);
    }

    /** {@return it for the report} */
    public JsonObject json() {
        JsonObject json = new JsonObject();
        json.addProperty("step", name);
        json.addProperty("state", state.name());
        json.addProperty("detail", detail);
        json.addProperty("seconds", seconds);
        json.add("result", result);
        return json;
    }
}
