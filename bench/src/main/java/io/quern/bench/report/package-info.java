/** Output for people (tables, units, progress) and for programs (JSON). */
package io.quern.bench.report;
