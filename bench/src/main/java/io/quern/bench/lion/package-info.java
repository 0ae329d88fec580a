/** How fast Lion steps. */
package io.quern.bench.lion;
