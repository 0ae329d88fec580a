package io.quern.cuda;

import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_CLOCK_RATE;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
import static jcuda.driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_WARP_SIZE;

import java.nio.charset.StandardCharsets;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.JCudaDriver;

/** Asks the driver about a device. */
final class DeviceQuery {
    /** The longest device name the driver documents, its NUL included. */
    private static final int NAME_BYTES = 256;

    private DeviceQuery() {}

    static CUdevice device(int ordinal) {
        CUdevice device = new CUdevice();
        DriverStatus.check(
                DriverStatus.of(() -> JCudaDriver.cuDeviceGet(device, ordinal)), "cuDeviceGet of cuda:" + ordinal);
        return device;
    }

    /** {@return whether anyone in this process uses the primary context: to ask for an unused one would make it} */
    static boolean primaryContextIsActive(CUdevice device) {
        int[] active = new int[1];
        DriverStatus.check(
                DriverStatus.of(() -> JCudaDriver.cuDevicePrimaryCtxGetState(device, new int[1], active)),
                "cuDevicePrimaryCtxGetState");
        return active[0] != 0;
    }

    static CudaProperties properties(CUdevice device) {
        return new CudaProperties(
                name(device),
                attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR),
                attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR),
                attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                totalMemory(device),
                attribute(device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK),
                attribute(device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
                attribute(device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR),
                attribute(device, CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR),
                attribute(device, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
                attribute(device, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR),
                attribute(device, CU_DEVICE_ATTRIBUTE_WARP_SIZE),
                attribute(device, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE),
                attribute(device, CU_DEVICE_ATTRIBUTE_CLOCK_RATE),
                attribute(device, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED) != 0);
    }

    private static int attribute(CUdevice device, int attribute) {
        int[] value = new int[1];
        DriverStatus.check(
                DriverStatus.of(() -> JCudaDriver.cuDeviceGetAttribute(value, attribute, device)),
                "cuDeviceGetAttribute of " + CUdevice_attribute.stringFor(attribute));
        return value[0];
    }

    private static long totalMemory(CUdevice device) {
        long[] bytes = new long[1];
        DriverStatus.check(DriverStatus.of(() -> JCudaDriver.cuDeviceTotalMem(bytes, device)), "cuDeviceTotalMem");
        return bytes[0];
    }

    private static String name(CUdevice device) {
        byte[] text = new byte[NAME_BYTES];
        DriverStatus.check(
                DriverStatus.of(() -> JCudaDriver.cuDeviceGetName(text, text.length, device)), "cuDeviceGetName");
        int end = 0;
        while (end < text.length && text[end] != 0) {
            end++;
        }
        return new String(text, 0, end, StandardCharsets.UTF_8);
    }
}
