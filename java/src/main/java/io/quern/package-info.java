/** The vocabulary of Quern: element types, devices, streams, tensors and kernels. */
package io.quern;
