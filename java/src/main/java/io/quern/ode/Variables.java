package io.quern.ode;

/** The components of a state, or the parameters of a field, by index. */
public final class Variables {
    private final String name;
    private final String kind;
    private final Expression[] all;

    Variables(String name, String kind, Expression[] all) {
        this.name = name;
        this.kind = kind;
        this.all = all;
    }

    /** {@return how many there are} */
    public int size() {
        return all.length;
    }

    /**
     * {@return one of them}
     *
     * @param index from 0
     */
    public Expression at(int index) {
        if (index < 0 || index >= all.length) {
            String range =
                    all.length == 0 ? "there are no " + kind + "s" : "a " + kind + " is one of 0.." + (all.length - 1);
            throw Place.refusal(name + ".at(" + index + ") does not exist: " + range);
        }
        return all[index];
    }
}
