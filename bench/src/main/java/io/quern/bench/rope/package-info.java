/** How fast pairs of channels turn. */
package io.quern.bench.rope;
