package io.quern.ode;

/** A compiled {@link StepProgram}: {@link StepCompiler} writes the classes that extend this. */
abstract class StepKernel {
    /**
     * Does steps of the trajectories of a block. Where the program has a status, it returns early: as soon as that of one
     * trajectory is above 0.
     *
     * @param block address of rows x {@link StepCompiler.Compiled#lanes} numbers, and room behind them; carried rows are
     *     written
     * @param steps how many at the most
     * @param lanes how many of them, at the least, from the first on: those of whole vectors; more than 0
     * @return a bit for each lane, set where its status is above 0
     */
    abstract long run(long block, int steps, int lanes);
}
