package io.quern;

import io.quern.cpu.VectorModule;
import io.quern.cpu.WorkerPool;
import io.quern.cuda.CudaDriver;

/**
 * The place where kernels run. It is the only thing that user code changes to move from the plain reference to the CPU's
 * vector units or to a CUDA device.
 *
 * <p>A device value exists only if the device can be used: {@link #cuda(int)} on a machine without one throws
 * {@link DeviceUnavailableException} with the cause and the cure, and nothing falls back in silence. Only {@link #best()}
 * falls back, and says so in the log.
 *
 * <p>{@code reference} and {@code cpu} share the host's memory: a tensor of one serves the other.
 */
public sealed interface Device {
    /** {@return the plain reference: each kernel's formula as loops, the definition that others are tested against} */
    static Device reference() {
        return new Reference();
    }

    /** {@return the CPU's vector units on all cores, or on as many threads as {@code -Dio.quern.cpu.threads} says} */
    static Device cpu() {
        return new Cpu(WorkerPool.defaultThreads());
    }

    /**
     * {@return the CPU's vector units on a given number of threads; results do not depend on it}
     *
     * @param threads at least 1, the calling thread included
     */
    static Device cpu(int threads) {
        return new Cpu(threads);
    }

    /**
     * {@return the CUDA device of that ordinal, as the driver counts them}
     *
     * @throws DeviceUnavailableException if there is no such device; the message names the cause and the cure
     */
    static Device cuda(int ordinal) {
        return new Cuda(ordinal);
    }

    /**
     * {@return the device of that name}
     *
     * @param name {@code reference}, {@code cpu}, {@code cpu:<threads>}, {@code cuda} (the first) or
     *     {@code cuda:<ordinal>}
     * @throws IllegalArgumentException if there is no such name
     * @throws DeviceUnavailableException if the name is right and the device is not to be had
     */
    static Device named(String name) {
        int colon = name.indexOf(':');
        String kind = colon < 0 ? name : name.substring(0, colon);
        String number = colon < 0 ? "" : name.substring(colon + 1);
        boolean counted = number.matches("[0-9]{1,4}");
        if (colon < 0 || counted) {
            switch (kind) {
                case "reference" -> {
                    if (colon < 0) {
                        return reference();
                    }
                }
                case "cpu" -> {
                    return colon < 0 ? cpu() : cpu(Integer.parseInt(number));
                }
                case "cuda" -> {
                    return cuda(colon < 0 ? 0 : Integer.parseInt(number));
                }
                default -> {}
            }
        }
        throw new IllegalArgumentException("no device is named \""
                + name
                + "\"; names are reference, cpu, cpu:<threads>, cuda and cuda:<ordinal>");
    }

    /** {@return the first CUDA device if there is one, else the CPU; one line in the log says which, and why} */
    static Device best() {
        System.Logger log = System.getLogger(Device.class.getName());
        CudaDriver.Availability cuda = CudaDriver.availability();
        if (cuda.available()) {
            log.log(System.Logger.Level.INFO, "Device.best() chose cuda:0");
            return cuda(0);
        }
        log.log(System.Logger.Level.INFO, "Device.best() chose cpu; not CUDA, because " + cuda.cause());
        return cpu();
    }

    /** {@return the name by which {@link #named} finds this device again} */
    String name();

    /** {@return whether tensors of this device lie in the host's memory} */
    boolean onHost();

    /** {@return whether a tensor on {@code other} can be handed to a kernel on this device} */
    default boolean sharesMemoryWith(Device other) {
        return onHost() ? other.onHost() : equals(other);
    }

    /** The plain reference. */
    record Reference() implements Device {
        @Override
        public String name() {
            return "reference";
        }

        @Override
        public boolean onHost() {
            return true;
        }

        @Override
        public String toString() {
            return name();
        }
    }

    /**
     * The CPU's vector units.
     *
     * @param threads how many threads a kernel may use, the calling one included
     */
    record Cpu(int threads) implements Device {
        /**
         * Checks that kernels for the CPU can run.
         *
         * @throws DeviceUnavailableException if the JVM was started without the Vector API
         */
        public Cpu {
            if (threads < 1 || threads > WorkerPool.MAX_THREADS) {
                throw new IllegalArgumentException(
                        "threads must be 1.." + WorkerPool.MAX_THREADS + ", but is " + threads);
            }
            VectorModule.require();
        }

        @Override
        public String name() {
            return threads == WorkerPool.defaultThreads() ? "cpu" : "cpu:" + threads;
        }

        @Override
        public boolean onHost() {
            return true;
        }

        @Override
        public String toString() {
            return name();
        }
    }

    /**
     * A CUDA device.
     *
     * @param ordinal as the driver counts, from 0
     */
    record Cuda(int ordinal) implements Device {
        /**
         * Checks that the device is there.
         *
         * @throws DeviceUnavailableException if it is not; the message names the cause and the cure
         */
        public Cuda {
            CudaDriver.require(ordinal);
        }

        @Override
        public String name() {
            return "cuda:" + ordinal;
        }

        @Override
        public boolean onHost() {
            return false;
        }

        @Override
        public String toString() {
            return name();
        }
    }
}
