/**
 * Batches of small systems of ordinary differential equations: {@link io.quern.ode.Ode}. A field is written once ({@link
 * io.quern.ode.OdeField}), methods are data ({@link io.quern.ode.Method}).
 *
 * <h2>Numeric contract</h2>
 *
 * <p><b>Bits.</b> The working type is the tensors', FP64 or FP32. Every operation is an addition, a subtraction, a product, a
 * quotient, a square root or an fma, rounded once to nearest even, a comparison, or takes a number's exponent or significand
 * apart; constants are rounded once to the working type. Which operations, and in which order, the reference says: a field's
 * as it was written, a method's sums as {@code Combination} says, a step's length as {@code StepControl} says. A trajectory's
 * bits do not depend on the others of its batch, on its place in it, on the width of vectors or on the
 * number of threads; payloads of NaN aside.
 *
 * <p><b>Fixed steps.</b> Step n goes from [t0 + n h] to [t0 + (n + 1) h], each one fma, with h = [[t1 - t0] / steps] or as
 * given. Errors of rounding do not add up in time.
 *
 * <p><b>Error control</b> is each trajectory's own: root mean square over its components, a PI controller, as described in
 * {@code StepControl}. The last step ends exactly at the end, and is at most a hundredth longer than the one proposed. A
 * trajectory that fails keeps the last state that it reached and says in its statistics why ({@link
 * io.quern.ode.OdeStatus}); the others do not notice.
 *
 * <p><b>Within steps</b> ({@link io.quern.ode.Method} gives the interpolants) lie save points and events ({@link
 * io.quern.ode.OdeEvent}). Neither changes a step, but for an event that ends the trajectory or sets its state anew. At t0 and
 * t1 a save point holds the state given and returned, to the bit.
 *
 * <p><b>Functions.</b> exp, log, sin, cos and pow are polynomials written in the same operations; their errors stand at each
 * ({@link io.quern.ode.Expression}).
 *
 * <h2>Kernels</h2>
 *
 * <p>On the CPU a step of the method with the field put into it becomes bytecode of the Vector API, one trajectory a lane, when
 * a field is first solved by a method in a type. An adaptive solve gives a lane whose trajectory has ended the next one. A step
 * that comes to a save point or across an event says so; what lies within it is then computed for that trajectory alone, by the
 * reference's code.
 *
 * <p>On CUDA the fields of {@code CudaCatalogue} (decay, harmonic, Lorenz, Van der Pol, Kepler, Arenstorf, bouncing ball, HIRES,
 * Pleiades) have kernels for all methods, a trajectory a thread: one step, {@code cuda/ode/step.cuh}, into which the compiler
 * puts a field's formulae and a method's tableau. States of up to 16 components lie in registers. A lane whose trajectory has
 * ended takes the next of its warp's share of the batch, as soon as eight of them have. What lies within a step is looked at by
 * the lane itself, {@code cuda/ode/follow.cuh}, in kernels of their own: with save points, and with save points and the formulae
 * of events, of which the bouncing ball's and those of the {@link io.quern.ode.HotWaterLoop} (of 4 cells and 3 draws) are there.
 * The kernels have been executed on the emulator only.
 *
 * <p>Any other field, and any other event, is put into the same step when it is first solved, and compiled by NVIDIA's
 * compiler, which takes some seconds; what came of it is kept on disk. It is the nvcc that {@code -Dio.quern.nvcc} names, else
 * {@code $NVCC}, that of {@code $CUDA_HOME}, or the one on {@code $PATH}; where there is none, NVRTC, the compiler as a library,
 * if the dynamic linker finds {@code libnvrtc.so}. Where there is neither, or with {@code -Dio.quern.nvcc=off}, binding the solve
 * throws {@link io.quern.DeviceUnavailableException} with the field's place and what to do.
 *
 * <p>An application that is to run without a compiler ships the PTX of its fields: run it once with
 * {@code -Dio.quern.ptx=src/main/resources}, or whichever folder comes onto the class path. The files are named after all that is
 * compiled, so that one of an older field, or of another release of this library, is not mistaken for the one that is needed.
 */
package io.quern.ode;
