/** Times products of matrices. */
package io.quern.bench.linear;
