package io.quern.cuda;

/**
 * How much memory a device has, as its driver says.
 *
 * @param free bytes that no process uses, among them what the driver's own caches could give back
 * @param total bytes in all
 */
public record MemoryInfo(long free, long total) {}
