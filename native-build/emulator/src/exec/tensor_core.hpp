// How mma and wmma add up, where PTX leaves it to the machine ("the accumulation order, rounding and handling of
// subnormal inputs are unspecified").
//
// Products of FP16, BF16 and TF32 are exact either way. A kernel must give results that are good enough under both:
//   exact      the sum of all products and of the accumulator is exact and rounded once, to nearest, ties to even.
//   truncating as tensor cores were found to do it: products are added in blocks of some length. In a block, all terms
//              are aligned to the largest exponent (a product's is the sum of its factors') and lose what lies more
//              than 23 + extraBits places below it; the sum of what is left is cut to FP32, towards zero, and is the
//              accumulator of the next block. Where the result is FP16, it is rounded to that instead, to nearest.
// Lengths and bits: M. Fasi, N. J. Higham, M. Mikaitis, S. Pranesh, "Numerical behavior of NVIDIA tensor cores", PeerJ
// Computer Science 7:e330 (2021) for Volta, Turing and Ampere; P. Xie et al., "MMA-Sim", arXiv:2511.10909 (2025), whose
// model was found to give the bits of each, and F. A. Khattak, M. Mikaitis, arXiv:2512.07004 (2025). FP64 is a chain of fma along k in all of them.
#pragma once

namespace quern::emulator {

struct TensorCore {
    bool truncating = false;
    int block = 8;      // products of 16-bit numbers that are added at once
    int blockTf32 = 4;  // and of TF32
    int extraBits = 1;  // kept below the last place of FP32

    static TensorCore of(int capability, bool truncating) {
        if (capability >= 90) return {truncating, 16, 8, 2};
        if (capability >= 80) return {truncating, 8, 4, 1};
        return {truncating, 8, 4, 1};  // it has no TF32
    }
};

}  // namespace quern::emulator
