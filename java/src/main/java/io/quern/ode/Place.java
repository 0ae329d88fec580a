package io.quern.ode;

import java.util.Set;

/** Where in the user's code something went wrong. */
final class Place {
    /** The classes through which a user's code writes a field: the first caller outside them is the user's. */
    private static final Set<String> VOCABULARY = Set.of(
            Place.class.getName(),
            Expression.class.getName(),
            Expression.Condition.class.getName(),
            Variables.class.getName(),
            Formulae.class.getName(),
            OdeEvent.class.getName(),
            OdeField.class.getName());

    private Place() {}

    /** {@return "File.java:12", the line of the user's code that is being executed} */
    static String ofUser() {
        return StackWalker.getInstance()
                .walk(frames -> frames.filter(frame -> users(frame.getClassName()))
                        .findFirst()
                        .map(frame -> frame.getFileName() + ":" + frame.getLineNumber())
                        .orElse("an unknown place"));
    }

    private static boolean users(String className) {
        return !VOCABULARY.contains(className) && !className.startsWith("java.");
    }

    /** {@return a refusal that ends with the line of the user's code} */
    static IllegalArgumentException refusal(String message) {
        return new IllegalArgumentException(message + " (" + ofUser() + ")");
    }
}
