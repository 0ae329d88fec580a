// One instruction over many operands, compared bit by bit with values computed here.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <iomanip>
#include <sstream>
#include <tuple>

#include "conformance/machine.hpp"
#include "conformance/operands.hpp"

namespace quern::emulator {

/// Values of one operand, a row for each thread.
struct Column {
    int bytes = 0;
    std::vector<u64> rows;
};

/// Runs `body` in one thread for each row: operands in %a, %b, %c, %e (registers of their width; 8 bits lie in 16),
/// result in %d. Scratch as in runThreads.
std::vector<u64> evaluate(const std::string& body, int resultBytes, const std::vector<Column>& operands,
                          int target);

template <class T>
u64 toBits(T value) {
    u64 bits = 0;
    std::memcpy(&bits, &value, sizeof(T));
    return bits;
}

template <class T>
T fromBits(u64 bits) {
    T value;
    std::memcpy(static_cast<void*>(&value), &bits, sizeof(T));
    return value;
}

/// Either of two results is right.
template <class T>
struct Either {
    T one;
    T other;
};

/// A result within `tolerance` of `value` (both infinite: the same; both NaN).
struct Near {
    double value;
    double tolerance;
};

/// The same bits; for floating types any NaN is as good as another, since PTX leaves open which it is.
template <class T>
bool matches(T actual, T expected) {
    if constexpr (FLOATING<T>) {
        if (isNan(expected)) return isNan(actual);
    }
    return toBits(actual) == toBits(expected);
}

template <class T>
bool matches(T actual, const Either<T>& expected) {
    return matches(actual, expected.one) || matches(actual, expected.other);
}

template <class T>
bool matches(T actual, const Near& expected) {
    const double value = toDouble(actual);
    if (std::isnan(expected.value)) return std::isnan(value);
    if (std::isinf(expected.value)) return value == expected.value;
    return std::abs(value - expected.value) <= expected.tolerance;
}

template <class T>
std::string show(T value) {
    std::ostringstream text;
    text << "0x" << std::hex << std::setw(2 * sizeof(T)) << std::setfill('0') << toBits(value);
    if constexpr (FLOATING<T>) text << " (" << std::setprecision(17) << toDouble(value) << ")";
    return text.str();
}

template <class T>
std::string show(const Either<T>& value) {
    return show(value.one) + " or " + show(value.other);
}

inline std::string show(const Near& value) {
    std::ostringstream text;
    text << std::setprecision(17) << value.value << " +- " << value.tolerance;
    return text.str();
}

/// Where results of .approx instructions shall lie in what is evaluated.
inline Approximation approximation = Approximation::EXACT;

/// How many values were compared so far, in all tests.
inline u64 comparedValues = 0;

/// Counts and, for the first few mismatches of an instruction, reports.
class Mismatches {
  public:
    explicit Mismatches(std::string instruction) : instruction_(std::move(instruction)) {}
    ~Mismatches();

    template <class D, class E, class... S>
    void compare(D actual, const E& expected, S... operands) {
        compared_++;
        comparedValues++;
        if (matches(actual, expected) || ++count_ > SHOWN) return;
        std::string of;
        ((of += (of.empty() ? "" : ", ") + show(operands)), ...);
        report(of, show(actual), show(expected));
    }

  private:
    static constexpr int SHOWN = 3;
    void report(const std::string& operands, const std::string& actual, const std::string& expected) const;

    std::string instruction_;
    int count_ = 0;
    int compared_ = 0;
};

/// A function of operands, whichever it is: what uses it is compiled once for each signature, not for each function.
template <class E, class... S>
class Reference {
  public:
    template <class F>
    explicit Reference(F& function)
        : function_(&function),
          call_([](void* of, S... operands) -> E { return (*static_cast<F*>(of))(operands...); }) {}
    E operator()(S... operands) const { return call_(function_, operands...); }

  private:
    void* function_;
    E (*call_)(void*, S...);
};

template <class D, class E, class... S>
void expectRowsOf(const std::string& body, Reference<E, S...> reference,
                  const std::vector<std::tuple<S...>>& rows, int target) {
    std::vector<Column> columns{Column{sizeof(S), {}}...};
    for (const auto& row : rows) {
        std::apply(
            [&](S... operand) {
                std::size_t at = 0;
                ((columns[at++].rows.push_back(toBits(operand))), ...);
            },
            row);
    }
    const std::vector<u64> actual = evaluate(body, sizeof(D), columns, target);
    if (::testing::Test::HasFatalFailure()) return;
    Mismatches mismatches(body);
    for (std::size_t i = 0; i < rows.size(); i++) {
        std::apply(
            [&](S... operand) {
                mismatches.compare(fromBits<D>(actual[i]), reference(operand...), operand...);
            },
            rows[i]);
    }
}

/// Runs `body` on every row of operands and holds each result to reference(operands...).
template <class D, class F, class... S>
void expectRows(const std::string& body, F reference, const std::vector<std::tuple<S...>>& rows,
                int target = 80) {
    using E = std::invoke_result_t<F&, S...>;
    expectRowsOf<D>(body, Reference<E, S...>(reference), rows, target);
}

template <class T>
std::vector<std::tuple<T>> product(const std::vector<T>& as) {
    std::vector<std::tuple<T>> rows;
    for (T a : as) rows.emplace_back(a);
    return rows;
}

template <class T, class... S>
requires(sizeof...(S) > 0) std::vector<std::tuple<T, S...>> product(const std::vector<T>& as,
                                                                    const std::vector<S>&... others) {
    std::vector<std::tuple<T, S...>> rows;
    const auto tails = product(others...);
    for (T a : as) {
        for (const auto& tail : tails) rows.push_back(std::tuple_cat(std::tuple<T>(a), tail));
    }
    return rows;
}

/// Runs `body` on every combination of operands and holds each result to reference(operands...).
template <class D, class F, class... S>
void expectEach(const std::string& body, F reference, const std::vector<S>&... operands) {
    expectRows<D>(body, reference, product(operands...));
}

/// The same, on a device of another capability.
template <class D, class F, class... S>
void expectEachOn(int target, const std::string& body, F reference, const std::vector<S>&... operands) {
    expectRows<D>(body, reference, product(operands...), target);
}

/// Holds what runThreads gave to reference(index).
template <class T, class F>
void expectThreads(const std::vector<T>& actual, F reference, const std::string& what = "threads") {
    Mismatches mismatches(what);
    for (std::size_t i = 0; i < actual.size(); i++) {
        mismatches.compare(actual[i], static_cast<T>(reference(static_cast<u32>(i))), static_cast<u32>(i));
    }
}

}  // namespace quern::emulator
