// Whatever the text, loading it ends in a module or in LoadError, and what loads runs to an end: no crash, no hang. Texts
// are the committed PTX, mutated token by token; fuzz/load_once.cpp is what libFuzzer drives likewise.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "fuzz/load_once.hpp"
#include "ptx/lexer.hpp"

namespace quern::emulator {
namespace {

std::string contentOf(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The kernels of a module as texts of their own, with what stands before the first.
std::vector<std::string> kernelsOf(const std::string& module) {
    std::vector<std::string> kernels;
    const std::size_t first = module.find(".visible .entry");
    if (first == std::string::npos) return kernels;
    for (std::size_t at = first; at != std::string::npos;) {
        const std::size_t next = module.find(".visible .entry", at + 1);
        kernels.push_back(module.substr(0, first) + module.substr(at, next - at));
        at = next;
    }
    return kernels;
}

std::vector<std::string> seeds() {
    std::vector<std::string> all;
    for (const auto& folder : {QUERN_PTX, QUERN_PROGRAMS}) {
        std::vector<std::filesystem::path> files;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
            if (entry.path().extension() == ".ptx") files.push_back(entry.path());
        }
        std::sort(files.begin(), files.end());
        for (const auto& file : files) {
            for (std::string& kernel : kernelsOf(contentOf(file))) {
                if (kernel.size() < 20'000) all.push_back(std::move(kernel));
            }
        }
    }
    return all;
}

class Mutation {
  public:
    explicit Mutation(std::uint64_t seed) : random_(seed) {}

    /// Some tokens left out, doubled, swapped, or replaced by others of the text or by ones that are odd.
    std::string of(const std::string& text) {
        std::vector<std::string> tokens;
        for (const ptx::Token& token : ptx::tokenize(text)) {
            const bool string = token.kind == ptx::TokenKind::STRING;
            tokens.push_back(string ? "\"" + std::string(token.text) + "\"" : std::string(token.text));
        }
        for (std::size_t changes = 1 + random_() % 3; changes > 0; changes--) change(tokens);
        std::string result;
        for (const std::string& token : tokens) result += token + " ";
        return result;
    }

  private:
    void change(std::vector<std::string>& tokens) {
        static const char* const ODD[] = {"{",
                                          "}",
                                          "[",
                                          "]",
                                          "(",
                                          ")",
                                          ",",
                                          ";",
                                          ":",
                                          "@",
                                          "!",
                                          "-",
                                          "+",
                                          "<",
                                          "|",
                                          "0",
                                          "-1",
                                          "1e9",
                                          "0xffffffffffffffff",
                                          "4294967296",
                                          "2147483647",
                                          ".reg",
                                          ".b8",
                                          ".b64",
                                          ".v4",
                                          ".align",
                                          ".pred",
                                          "_",
                                          "%tid.x",
                                          "%clock64",
                                          "%envreg2",
                                          "ret",
                                          "call",
                                          "bra",
                                          "exit",
                                          ".callprototype",
                                          "vprintf",
                                          "99999999999999999999",
                                          "0f3F800000",
                                          "1.5",
                                          "\"x\"",
                                          "//"};
        const std::size_t at = random_() % tokens.size();
        switch (random_() % 5) {
            case 0: tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(at)); break;
            case 1: tokens.insert(tokens.begin() + static_cast<std::ptrdiff_t>(at), tokens[at]); break;
            case 2: std::swap(tokens[at], tokens[random_() % tokens.size()]); break;
            case 3: tokens[at] = tokens[random_() % tokens.size()]; break;
            default: tokens[at] = ODD[random_() % std::size(ODD)]; break;
        }
        if (tokens.empty()) tokens.emplace_back(";");
    }

    std::mt19937_64 random_;
};

TEST(Fuzz, MutatedModulesLoadOrAreRefused) {
    using Clock = std::chrono::steady_clock;
    const std::vector<std::string> texts = seeds();
    ASSERT_GT(texts.size(), 20u);
    std::mt19937_64 random(1);
    const auto end = Clock::now() + std::chrono::seconds(10);
    int loaded = 0;
    int tried = 0;
    for (; tried < 2000 && Clock::now() < end; tried++) {
        const std::string text =
            Mutation(static_cast<std::uint64_t>(tried)).of(texts[random() % texts.size()]);
        loaded += loadOnce(text) ? 1 : 0;
    }
    std::cout << tried << " texts, " << loaded << " of them load" << std::endl;
    EXPECT_GT(tried, 20);
    EXPECT_LT(loaded, tried);
}

/// Texts that once did harm, or that look as if they might.
TEST(Fuzz, KnownTroublemakers) {
    const std::string header = ".version 7.8\n.target sm_90\n.address_size 64\n";
    const std::string deep(5000, '(');
    const std::string blocks(20000, '{');
    for (const std::string& body : std::vector<std::string>{
             std::string(".global .u32 x = ") + deep + "1;",
             ".visible .entry k() { .reg .b32 %r; mov.u32 %r, " + deep + "; ret; }",
             ".visible .entry k() " + blocks,
             ".global .u32 x[2][1000000000] = {{1}, {2}, {3}};",
             ".global .u32 x[][1099511627776] = {{1}, {2}};",
             ".global .b8 x[1099511627776];",
             ".global .b128 x = {1};",
             ".visible .entry k() { .reg .b64 %r<9999999>; ret; }",
             ".visible .entry k() { .local .b8 x[100000000]; ret; }",
             ".visible .entry k() { .reg .b32 %r; setp; set; mov; ld; atom; call; ret; }",
             ".visible .entry k() { lop3.and.b32 %r; ret; }",
             ".func f() { call f; ret; } .visible .entry k() { call f; ret; }",
             ".alias a, a; .func a() { call a; ret; }",
             ".visible .entry k() { L: bra L; }",
             ".visible .entry k() { p: .calltargets k; call p, p; ret; }",
             ".file 1 \"x\" .loc 1 1 1 .loc 1 1 1, function_name x, inlined_at 1 1 1\n.visible .entry k() { "
             "ret; }",
             ".section .debug { { } }",
         }) {
        loadOnce(header + body);
        loadOnce(body);
    }
    for (std::string text :
         {"", " ", "\0", "\xff\xfe", ".version", ".version 7.8 .target", "/*", "\"", "0x", "0f", "1."}) {
        loadOnce(text);
        loadOnce(header + std::string(text));
    }
}

}  // namespace
}  // namespace quern::emulator
