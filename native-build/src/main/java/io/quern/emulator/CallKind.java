package io.quern.emulator;

/** Calls of the driver API that {@link Emulator#failNext} makes fail. */
public enum CallKind {
    /** Of device, managed, pooled and pinned memory, and the registration of host memory. */
    ALLOCATION,
    /** Of a kernel or a graph. */
    LAUNCH,
    /** Copies and fills, synchronous and asynchronous. */
    COPY,
    /** Of a module; an input of a link counts as one. */
    MODULE_LOAD,
    /** Waiting for a context, a stream or an event. */
    SYNCHRONIZE,
    /** Of streams, events and graphs; the begin of a capture is that of a graph. */
    CREATION
}
