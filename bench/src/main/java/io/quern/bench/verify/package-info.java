/** Running cases on every device, in a process for each driver provider. */
package io.quern.bench.verify;
