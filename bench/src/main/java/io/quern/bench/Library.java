package io.quern.bench;

import io.quern.Device;

/** Which build of the library this is. */
final class Library {
    private Library() {}

    /** {@return the version that the library's jar states} */
    static String version() {
        String stated = Device.class.getPackage().getImplementationVersion();
        return stated == null ? "of unpacked classes" : stated;
    }
}
