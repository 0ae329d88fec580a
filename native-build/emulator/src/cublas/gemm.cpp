#include "cublas/gemm.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace quern::cublas {

namespace {

// A 16-bit type by the bits of its fraction and its least exponent.
struct Narrow {
    int fraction;
    int least;  // exponent of the smallest normal value
};
constexpr Narrow HALF{10, -14};
constexpr Narrow BFLOAT{7, -126};

// To nearest, ties to even, in one rounding.
std::uint16_t narrowed(double value, const Narrow& type) {
    const int exponentBits = 15 - type.fraction;
    const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000 : 0);
    const auto infinity = static_cast<std::uint16_t>(((1 << exponentBits) - 1) << type.fraction);
    if (std::isnan(value)) return 0x7fff;
    const double magnitude = std::fabs(value);
    if (std::isinf(value)) return sign | infinity;
    const int exponent = magnitude == 0 ? type.least : std::max(std::ilogb(magnitude), type.least);
    const double units = std::nearbyint(std::ldexp(magnitude, type.fraction - exponent));
    // A carry out of the fraction goes up into the exponent, at the top into infinity.
    const auto bits = static_cast<std::int64_t>(units) +
                      (static_cast<std::int64_t>(exponent - type.least) << type.fraction);
    return sign | static_cast<std::uint16_t>(std::min<std::int64_t>(bits, infinity));
}

double widened(std::uint16_t bits, const Narrow& type) {
    const int exponent = (bits & 0x7fff) >> type.fraction;
    const int fraction = bits & ((1 << type.fraction) - 1);
    const int top = (1 << (15 - type.fraction)) - 1;
    double magnitude = 0;
    if (exponent == top) {
        magnitude = fraction == 0 ? std::numeric_limits<double>::infinity()
                                  : std::numeric_limits<double>::quiet_NaN();
    } else if (exponent == 0) {
        magnitude = std::ldexp(fraction, type.least - type.fraction);
    } else {
        magnitude = std::ldexp(fraction | 1 << type.fraction, type.least + exponent - 1 - type.fraction);
    }
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

template <class Element>
Element at(std::uint64_t address, std::int64_t index) {
    Element element;
    std::memcpy(&element, reinterpret_cast<const Element*>(address) + index, sizeof element);
    return element;
}

void store(cudaDataType type, std::uint64_t address, std::int64_t index, double value) {
    const auto put = [&](auto element) {
        std::memcpy(reinterpret_cast<decltype(element)*>(address) + index, &element, sizeof element);
    };
    switch (type) {
        case CUDA_R_64F: return put(value);
        case CUDA_R_16F: return put(narrowed(value, HALF));
        case CUDA_R_16BF: return put(narrowed(value, BFLOAT));
        default: return put(static_cast<float>(value));
    }
}

// op(M), [rows][columns], column by column.
std::vector<double> unpacked(const Matrix& matrix, std::uint64_t address, std::int64_t rows,
                             std::int64_t columns) {
    std::vector<double> elements(static_cast<std::size_t>(rows * columns));
    for (std::int64_t column = 0; column < columns; ++column) {
        for (std::int64_t row = 0; row < rows; ++row) {
            const std::int64_t index =
                matrix.transposed ? column + row * matrix.leading : row + column * matrix.leading;
            elements[static_cast<std::size_t>(row + column * rows)] = load(matrix.type, address, index);
        }
    }
    return elements;
}

std::uint64_t ofBatch(const Matrix& matrix, std::int64_t number) {
    return matrix.address + static_cast<std::uint64_t>(number * matrix.stride) * bytesOf(matrix.type);
}

}  // namespace

std::size_t bytesOf(cudaDataType type) {
    switch (type) {
        case CUDA_R_64F: return 8;
        case CUDA_R_32F: return 4;
        default: return 2;
    }
}

double load(cudaDataType type, std::uint64_t address, std::int64_t index) {
    switch (type) {
        case CUDA_R_64F: return at<double>(address, index);
        case CUDA_R_16F: return widened(at<std::uint16_t>(address, index), HALF);
        case CUDA_R_16BF: return widened(at<std::uint16_t>(address, index), BFLOAT);
        default: return at<float>(address, index);
    }
}

double Scalar::now() const { return address == 0 ? value : load(type, address, 0); }

void Gemm::perform(const void* arguments) {
    Gemm gemm;
    std::memcpy(&gemm, arguments, sizeof gemm);
    const double alpha = gemm.alpha.now();
    const double beta = gemm.beta.now();
    std::vector<double> sums(static_cast<std::size_t>(gemm.m));
    for (std::int64_t number = 0; number < gemm.batch; ++number) {
        const bool product = alpha != 0 && gemm.k != 0;
        std::vector<double> a, b;
        if (product) {
            a = unpacked(gemm.a, ofBatch(gemm.a, number), gemm.m, gemm.k);
            b = unpacked(gemm.b, ofBatch(gemm.b, number), gemm.k, gemm.n);
        }
        const std::uint64_t c = ofBatch(gemm.c, number);
        for (std::int64_t column = 0; column < gemm.n; ++column) {
            std::fill(sums.begin(), sums.end(), 0.0);
            for (std::int64_t p = 0; product && p < gemm.k; ++p) {
                const double factor = b[static_cast<std::size_t>(p + column * gemm.k)];
                const double* const from = a.data() + p * gemm.m;
                for (std::int64_t row = 0; row < gemm.m; ++row)
                    sums[static_cast<std::size_t>(row)] += from[row] * factor;
            }
            for (std::int64_t row = 0; row < gemm.m; ++row) {
                const std::int64_t index = row + column * gemm.c.leading;
                double result = product ? alpha * sums[static_cast<std::size_t>(row)] : 0;
                if (beta != 0) result += beta * load(gemm.c.type, c, index);
                store(gemm.c.type, c, index, result);
            }
        }
    }
}

void Gemv::perform(const void* arguments) {
    Gemv gemv;
    std::memcpy(&gemv, arguments, sizeof gemv);
    const double alpha = gemv.alpha.now();
    const double beta = gemv.beta.now();
    // A negative step walks from the far end.
    const auto place = [](std::int64_t i, std::int64_t count, std::int64_t step) {
        return step > 0 ? i * step : (i - (count - 1)) * step;
    };
    for (std::int64_t row = 0; row < gemv.rows; ++row) {
        double sum = 0;
        for (std::int64_t column = 0; alpha != 0 && column < gemv.columns; ++column) {
            const std::int64_t index =
                gemv.a.transposed ? column + row * gemv.a.leading : row + column * gemv.a.leading;
            sum += load(gemv.a.type, gemv.a.address, index) *
                   load(gemv.a.type, gemv.x, place(column, gemv.columns, gemv.stepX));
        }
        const std::int64_t to = place(row, gemv.rows, gemv.stepY);
        double result = alpha == 0 ? 0 : alpha * sum;
        if (beta != 0) result += beta * load(gemv.a.type, gemv.y, to);
        store(gemv.a.type, gemv.y, to, result);
    }
}

}  // namespace quern::cublas
