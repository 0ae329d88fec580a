package io.quern;

import io.quern.cuda.CudaContext;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.function.LongToDoubleFunction;

/**
 * A view of memory on one device: a type, a shape, strides, and where element 0 lies. The last axis is contiguous; the
 * others may have any stride, so that a slice of packed query-key-value rows or a transposed pair of axes is a view and not
 * a copy.
 *
 * <p>The memory is owned by a {@link TensorArena} or borrowed from the caller, who keeps it open while calls use it. Host
 * memory is always native: heap arrays go through {@link #copyFrom(float[])} and {@link #toFloatArray()}.
 *
 * <p>Copies to and from arrays are in row-major order. On CUDA they wait for all work on the device first; {@link
 * Stream#copy} does not.
 */
public final class Tensor {
    private final DType dtype;
    private final Device device;
    private final long[] shape;
    private final long[] strides;
    private final long address;
    private final MemorySegment segment; // from element 0 to past the last one; null on CUDA
    private final TensorArena arena; // null if borrowed
    private final MemorySegment.Scope borrowedScope; // null if owned, or borrowed on CUDA
    private final Object keptAlive; // a borrowed segment that this one was made from; only held

    private Tensor(
            DType dtype,
            Device device,
            long[] shape,
            long[] strides,
            long address,
            MemorySegment segment,
            TensorArena arena,
            MemorySegment.Scope borrowedScope,
            Object keptAlive) {
        this.dtype = dtype;
        this.device = device;
        this.shape = shape;
        this.strides = strides;
        this.address = address;
        this.segment = segment;
        this.arena = arena;
        this.borrowedScope = borrowedScope;
        this.keptAlive = keptAlive;
    }

    static Tensor owned(TensorArena arena, MemorySegment memory, DType dtype, long[] shape) {
        return new Tensor(
                dtype,
                arena.device(),
                shape.clone(),
                Shape.denseStrides(shape),
                memory.address(),
                memory,
                arena,
                null,
                null);
    }

    static Tensor owned(TensorArena arena, long address, DType dtype, long[] shape) {
        return new Tensor(
                dtype, arena.device(), shape.clone(), Shape.denseStrides(shape), address, null, arena, null, null);
    }

    /**
     * Wraps native memory of the caller as a densely packed host tensor. It is never freed by Quern and must stay open while
     * calls use it: running a call after it was closed throws. Read-only memory can be an input.
     *
     * @param memory native (off-heap or mapped), open to every thread, at least as large as the shape asks for
     * @throws IllegalArgumentException if the segment is on the heap, confined, misaligned or too small
     */
    public static Tensor borrow(MemorySegment memory, DType dtype, long... shape) {
        Check.present("memory", memory);
        Check.present("dtype", dtype);
        long bytes = Shape.bytes(dtype, shape);
        if (!memory.isNative()) {
            throw new IllegalArgumentException(
                    "memory must be native, but is on the heap: allocate it from an Arena or a" + " TensorArena");
        }
        if (!memory.isAccessibleBy(new Thread(() -> {}))) {
            throw new IllegalArgumentException(
                    "memory must be open to every thread, but is confined to one: allocate it from"
                            + " Arena.ofShared()");
        }
        if (memory.address() % dtype.bytes() != 0) {
            throw new IllegalArgumentException("memory must be aligned to "
                    + dtype.bytes()
                    + " bytes for "
                    + dtype
                    + ", but lies at 0x"
                    + Long.toHexString(memory.address()));
        }
        if (memory.byteSize() < bytes) {
            throw new IllegalArgumentException("memory must have at least "
                    + bytes
                    + " bytes for "
                    + dtype
                    + " "
                    + Shape.text(shape)
                    + ", but has "
                    + memory.byteSize());
        }
        return new Tensor(
                dtype,
                Device.reference(),
                shape.clone(),
                Shape.denseStrides(shape),
                memory.address(),
                plainNative(memory, bytes),
                null,
                memory.scope(),
                memory);
    }

    /**
     * Wraps device memory of the caller as a densely packed tensor. It is never freed by Quern.
     *
     * @param address a {@code CUdeviceptr}, aligned to the type, valid for the whole tensor; only the driver could tell
     * @throws IllegalArgumentException if the address is 0 or misaligned
     */
    public static Tensor borrow(Device.Cuda device, long address, DType dtype, long... shape) {
        Check.present("device", device);
        Check.present("dtype", dtype);
        long bytes = Shape.bytes(dtype, shape);
        if (address == 0 && bytes > 0) {
            throw new IllegalArgumentException("address must be a device address, but is 0");
        }
        if (address % dtype.bytes() != 0) {
            throw new IllegalArgumentException("address must be aligned to "
                    + dtype.bytes()
                    + " bytes for "
                    + dtype
                    + ", but is 0x"
                    + Long.toHexString(address));
        }
        return new Tensor(dtype, device, shape.clone(), Shape.denseStrides(shape), address, null, null, null, null);
    }

    /**
     * The same memory as a segment of the one class that kernels see. A mapped file's segment is of a class of its own, and
     * a second class at the same call site costs a kernel a factor of ten.
     */
    private static MemorySegment plainNative(MemorySegment memory, long bytes) {
        if (!memory.isMapped()) {
            return memory.asSlice(0, bytes);
        }
        MemorySegment plain = MemorySegment.ofAddress(memory.address()).reinterpret(bytes);
        return memory.isReadOnly() ? plain.asReadOnly() : plain;
    }

    /** {@return the type of its elements} */
    public DType dtype() {
        return dtype;
    }

    /** {@return where its memory lies; a borrowed host tensor says {@code reference}, whose memory {@code cpu} shares} */
    public Device device() {
        return device;
    }

    /** {@return the number of axes} */
    public int rank() {
        return shape.length;
    }

    /** {@return the size of each axis, outermost first; a copy} */
    public long[] shape() {
        return shape.clone();
    }

    /** {@return the stride of each axis in elements; a copy} */
    public long[] strides() {
        return strides.clone();
    }

    /**
     * {@return the size of an axis}
     *
     * @param axis from 0; negative counts from the end, so that -1 is the last
     */
    public long size(int axis) {
        return shape[resolve(axis)];
    }

    /**
     * {@return the stride of an axis in elements}
     *
     * @param axis from 0; negative counts from the end
     */
    public long stride(int axis) {
        return strides[resolve(axis)];
    }

    /** {@return the number of elements} */
    public long elementCount() {
        return Shape.elementCount(shape);
    }

    /** {@return whether the elements are packed without gaps in row-major order} */
    public boolean isDense() {
        return Shape.isDense(shape, strides);
    }

    /** {@return whether it borrows memory that may not be written} */
    public boolean isReadOnly() {
        return segment != null && segment.isReadOnly();
    }

    /**
     * {@return the memory from element 0 to past the last element, strides included}
     *
     * @throws IllegalStateException if the tensor lies on a CUDA device
     */
    public MemorySegment segment() {
        if (segment == null) {
            throw new IllegalStateException(this + " lies on a device: it has an address and no segment");
        }
        return segment;
    }

    /** {@return the address of element 0, in the host's or the device's memory} */
    public long address() {
        return address;
    }

    /**
     * {@return the elements {@code from} to {@code to} of an axis, as a view}
     *
     * @param axis from 0; negative counts from the end
     * @param from first index
     * @param to one past the last
     */
    public Tensor slice(int axis, long from, long to) {
        int at = resolve(axis);
        if (from < 0 || to < from || to > shape[at]) {
            throw new IllegalArgumentException("slice must lie within 0.."
                    + shape[at]
                    + " of axis "
                    + at
                    + " of "
                    + this
                    + ", but is "
                    + from
                    + ".."
                    + to);
        }
        long[] sliced = shape.clone();
        sliced[at] = to - from;
        return view(sliced, strides, from * strides[at]);
    }

    /**
     * {@return one index of an axis, as a view without that axis}
     *
     * @param axis from 0; negative counts from the end; not the last, which stays contiguous
     */
    public Tensor select(int axis, long index) {
        int at = resolve(axis);
        if (at == shape.length - 1) {
            throw new IllegalArgumentException(
                    "the last axis of " + this + " cannot be selected from: the next one may not be contiguous");
        }
        Tensor one = slice(at, index, index + 1);
        long[] selectedShape = new long[shape.length - 1];
        long[] selectedStrides = new long[shape.length - 1];
        for (int axis0 = 0, to = 0; axis0 < shape.length; axis0++) {
            if (axis0 != at) {
                selectedShape[to] = one.shape[axis0];
                selectedStrides[to++] = one.strides[axis0];
            }
        }
        return one.view(selectedShape, selectedStrides, 0);
    }

    /**
     * {@return the tensor with two axes exchanged, as a view}
     *
     * @throws IllegalArgumentException if one of them is the last: it would no longer be contiguous
     */
    public Tensor transpose(int axis, int other) {
        int a = resolve(axis);
        int b = resolve(other);
        int last = shape.length - 1;
        if (a != b && (a == last || b == last)) {
            throw new IllegalArgumentException(
                    "the last axis of " + this + " cannot be transposed: it must stay contiguous");
        }
        long[] swappedShape = shape.clone();
        long[] swappedStrides = strides.clone();
        swappedShape[a] = shape[b];
        swappedShape[b] = shape[a];
        swappedStrides[a] = strides[b];
        swappedStrides[b] = strides[a];
        return view(swappedShape, swappedStrides, 0);
    }

    /**
     * {@return the same elements in another shape, as a view}
     *
     * @param newShape of as many elements
     * @throws IllegalArgumentException if the tensor is not dense or the numbers of elements differ
     */
    public Tensor reshape(long... newShape) {
        Check.dense("tensor", this);
        if (Shape.elementCount(newShape) != elementCount()) {
            throw new IllegalArgumentException(
                    this + " cannot be reshaped to " + Shape.text(newShape) + ": the numbers of elements differ");
        }
        return view(newShape.clone(), Shape.denseStrides(newShape), 0);
    }

    /** Nothing lies nowhere: an empty view begins where this tensor does, whose memory may end before its offset. */
    private Tensor view(long[] newShape, long[] newStrides, long offset) {
        long span = Shape.span(newShape, newStrides);
        long byteOffset = span == 0 ? 0 : offset * dtype.bytes();
        MemorySegment part = segment == null ? null : segment.asSlice(byteOffset, span * dtype.bytes());
        return new Tensor(
                dtype,
                device,
                newShape,
                newStrides.clone(),
                address + byteOffset,
                part,
                arena,
                borrowedScope,
                keptAlive);
    }

    /** {@return this tensor, into which values are copied, rounded to its type} */
    public Tensor copyFrom(float[] values) {
        return dtype == DType.FP32
                ? copyIn(values.length, MemorySegment.ofArray(values))
                : copyIn(values.length, index -> values[(int) index]);
    }

    /** {@return this tensor, into which values are copied, rounded to its type} */
    public Tensor copyFrom(double[] values) {
        return dtype == DType.FP64
                ? copyIn(values.length, MemorySegment.ofArray(values))
                : copyIn(values.length, index -> values[(int) index]);
    }

    /** {@return this tensor, into which values are copied, rounded to its type} */
    public Tensor copyFrom(int[] values) {
        return dtype == DType.INT32
                ? copyIn(values.length, MemorySegment.ofArray(values))
                : copyIn(values.length, index -> values[(int) index]);
    }

    /**
     * {@return this tensor, into which values are copied}
     *
     * @throws IllegalArgumentException if the tensor is not INT64: the values might not fit
     */
    public Tensor copyFrom(long[] values) {
        Check.dtype("tensor", this, DType.INT64);
        return copyIn(values.length, MemorySegment.ofArray(values));
    }

    /**
     * {@return this tensor, into which another's elements are copied, wherever it lies}
     *
     * @param other of the same type and shape
     */
    public Tensor copyFrom(Tensor other) {
        Check.sameElements("source", other, "target", this);
        Check.writable("target", this);
        Check.disjoint("source", other, "target", this);
        try (Arena staging = Arena.ofConfined()) {
            Elements.scatter(Elements.gather(staging, other), this);
        }
        return this;
    }

    /** {@return this tensor, every element set to a value rounded to its type} */
    public Tensor fill(double value) {
        return copyIn(elementCount(), _ -> value);
    }

    /** {@return the elements as FP32; FP64 and integers are rounded} */
    public float[] toFloatArray() {
        float[] values = new float[arrayLength()];
        try (Arena staging = Arena.ofConfined()) {
            MemorySegment gathered = Elements.gather(staging, this);
            if (dtype == DType.FP32) {
                MemorySegment.ofArray(values).copyFrom(gathered);
            } else {
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) dtype.get(gathered, i);
                }
            }
        }
        return values;
    }

    /** {@return the elements as FP64; exact but for INT64 beyond 2^53} */
    public double[] toDoubleArray() {
        double[] values = new double[arrayLength()];
        try (Arena staging = Arena.ofConfined()) {
            MemorySegment gathered = Elements.gather(staging, this);
            for (int i = 0; i < values.length; i++) {
                values[i] = dtype.get(gathered, i);
            }
        }
        return values;
    }

    /**
     * {@return the elements of an integer tensor}
     *
     * @throws IllegalArgumentException if the type is floating
     */
    public long[] toLongArray() {
        Check.dtype("tensor", this, DType.INT32, DType.INT64);
        long[] values = new long[arrayLength()];
        try (Arena staging = Arena.ofConfined()) {
            MemorySegment gathered = Elements.gather(staging, this);
            for (int i = 0; i < values.length; i++) {
                values[i] = dtype == DType.INT32
                        ? gathered.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i)
                        : gathered.getAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i);
            }
        }
        return values;
    }

    /** Says type, shape, strides where they are not dense, and device: {@code FP32 [2 x 3] on cpu}. */
    @Override
    public String toString() {
        String layout = isDense() ? "" : " strides " + Shape.text(strides);
        return dtype + " " + Shape.text(shape) + layout + " on " + device;
    }

    /**
     * Checks that the memory was not closed.
     *
     * @throws IllegalStateException if it was
     */
    void requireOpen() {
        if (arena != null) {
            arena.requireOpen();
        }
        if (borrowedScope != null && !borrowedScope.isAlive()) {
            throw new IllegalStateException("the memory that " + this + " borrows was closed by its owner");
        }
    }

    TensorArena arena() {
        return arena;
    }

    MemorySegment.Scope borrowedScope() {
        return borrowedScope;
    }

    /** The context through which the host reaches a device tensor's memory. */
    CudaContext context() {
        return CudaContext.of(((Device.Cuda) device).ordinal());
    }

    /** Copies a heap array of this tensor's own type in. */
    private Tensor copyIn(long count, MemorySegment array) {
        requireCount(count);
        try (Arena staging = Arena.ofConfined()) {
            Elements.scatter(Elements.stage(staging, this).copyFrom(array), this);
        }
        return this;
    }

    private Tensor copyIn(long count, LongToDoubleFunction value) {
        requireCount(count);
        try (Arena staging = Arena.ofConfined()) {
            MemorySegment staged = Elements.stage(staging, this);
            for (long i = 0; i < count; i++) {
                dtype.set(staged, i, value.applyAsDouble(i));
            }
            Elements.scatter(staged, this);
        }
        return this;
    }

    private void requireCount(long count) {
        Check.writable("tensor", this);
        if (count != elementCount()) {
            throw new IllegalArgumentException(
                    this + " has " + elementCount() + " elements, but " + count + " values were given");
        }
    }

    private int arrayLength() {
        long count = elementCount();
        if (count > Integer.MAX_VALUE - 8) {
            throw new IllegalArgumentException(this + " has " + count + " elements: too many for a Java array");
        }
        return (int) count;
    }

    private int resolve(int axis) {
        int resolved = axis < 0 ? axis + shape.length : axis;
        if (resolved < 0 || resolved >= shape.length) {
            throw new IllegalArgumentException("axis must be within -"
                    + shape.length
                    + ".."
                    + (shape.length - 1)
                    + " of "
                    + this
                    + ", but is "
                    + axis);
        }
        return resolved;
    }
}
