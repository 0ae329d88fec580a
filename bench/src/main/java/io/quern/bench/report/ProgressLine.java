package io.quern.bench.report;

import java.time.Duration;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A progress bar on the error output while a person is watching; nothing where output goes to a file or another program. */
public final class ProgressLine implements AutoCloseable {
    private final ProgressBar bar;

    /**
     * Shows a bar.
     *
     * @param task what is going on
     * @param steps how many there will be; 0 if that is not known yet
     */
    public ProgressLine(String task, long steps) {
        boolean watched = System.console() != null && System.console().isTerminal();
        bar = !watched
                ? null
                : new ProgressBarBuilder()
                        .setTaskName(task)
                        .setInitialMax(steps)
                        .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                        .setUpdateIntervalMillis((int) Duration.ofMillis(200).toMillis())
                        .clearDisplayOnFinish()
                        .build();
    }

    /** More steps are to come. */
    public void expect(long steps) {
        if (bar != null) {
            bar.maxHint(bar.getMax() + steps);
        }
    }

    /** Says what is being done now. */
    public void doing(String what) {
        if (bar != null) {
            bar.setExtraMessage(what);
        }
    }

    /** One step is done. */
    public void step() {
        step(1);
    }

    /** Some steps are done. */
    public void step(int steps) {
        if (bar != null) {
            bar.stepBy(steps);
        }
    }

    /** Takes the bar away. */
    @Override
    public void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
