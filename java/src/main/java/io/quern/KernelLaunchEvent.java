package io.quern;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A run of a kernel as JDK Flight Recorder sees it. On CUDA its duration is that of the launch, not of the kernel. */
@Name("io.quern.KernelLaunch")
@Label("Kernel Launch")
@Category("Quern")
@Description("A kernel was run on the host or handed to a CUDA stream")
@StackTrace(false)
final class KernelLaunchEvent extends Event {
    /**
     * Tells whether anybody records. An event made for each run to ask it would be allocated: once a recording has
     * instrumented this class, escape analysis no longer removes it.
     */
    static final KernelLaunchEvent PROBE = new KernelLaunchEvent();

    @Label("Kernel")
    String kernel;

    @Label("Device")
    String device;

    @Label("Minimal Bytes Moved")
    @DataAmount
    long bytes;

    @Label("Floating-Point Operations")
    long flops;
}
