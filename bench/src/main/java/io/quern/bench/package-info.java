/** The workbench: doctor, verify, bench and demo, started by the {@code quern} script. */
package io.quern.bench;
