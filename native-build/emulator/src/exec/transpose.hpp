// Transposing 8 x 8 elements of 16 bits.
#pragma once

#include <emmintrin.h>

#include "exec/lanes.hpp"

namespace quern::emulator::QUERN_LEVEL {

namespace {

/// from(i): row i, 16 bytes; to(c): where column c goes. All rows are read before anything is written.
template <typename From, typename To>
QUERN_INLINE void transpose(From from, To to) {
    __m128i r[8], s[8];
    for (int i = 0; i < 8; i++) {
        const void* row = from(i);
        r[i] = _mm_loadu_si128(static_cast<const __m128i*>(row));
    }
    for (int i = 0; i < 4; i++) {  // elements of rows i and i + 4 beside each other
        s[2 * i] = _mm_unpacklo_epi16(r[i], r[i + 4]);
        s[2 * i + 1] = _mm_unpackhi_epi16(r[i], r[i + 4]);
    }
    for (int i = 0; i < 4; i++) {  // of every second row
        r[2 * i] = _mm_unpacklo_epi16(s[i], s[i + 4]);
        r[2 * i + 1] = _mm_unpackhi_epi16(s[i], s[i + 4]);
    }
    for (int i = 0; i < 4; i++) {
        void* even = to(2 * i);
        void* odd = to(2 * i + 1);
        _mm_storeu_si128(static_cast<__m128i*>(even), _mm_unpacklo_epi16(r[i], r[i + 4]));
        _mm_storeu_si128(static_cast<__m128i*>(odd), _mm_unpackhi_epi16(r[i], r[i + 4]));
    }
}

}  // namespace

}  // namespace quern::emulator::QUERN_LEVEL
