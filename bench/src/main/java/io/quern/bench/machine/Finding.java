package io.quern.bench.machine;

import com.google.gson.JsonObject;
import java.util.Locale;

/**
 * Something that the doctor looked at.
 *
 * @param what it is
 * @param state how it is
 * @param detail what was found
 * @param cure what to do; empty where nothing need be done
 */
public record Finding(String what, State state, String detail, String cure) {
    /** How something is. */
    public enum State {
        /** As it should be. */
        OK,
        /** Not there, and not needed. */
        ABSENT,
        /** Needed, and missing or broken. */
        BROKEN
    }

    /** {@return something that is as it should be} */
    public static Finding ok(String what, String detail) {
        return new Finding(what, State.OK, detail, "");
    }

    /** {@return something that is as it should be if a condition holds, and broken otherwise} */
    public static Finding needed(boolean holds, String what, String detail, String cure) {
        return holds ? ok(what, detail) : new Finding(what, State.BROKEN, detail, cure);
    }

    /** {@return for programs} */
    public JsonObject json() {
        JsonObject json = new JsonObject();
        json.addProperty("what", what);
        json.addProperty("state", state.name().toLowerCase(Locale.ROOT));
        json.addProperty("detail", detail);
        json.addProperty("cure", cure);
        return json;
    }
}
