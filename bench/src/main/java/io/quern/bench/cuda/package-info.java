/** What a launch costs the caller, apart from what a kernel costs the device. */
package io.quern.bench.cuda;
