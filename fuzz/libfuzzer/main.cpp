#include "fuzzers.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

// What libFuzzer calls with bytes of its own making. PEERCRON_FUZZER is the fuzzer of this program.

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    try {
        peercron::fuzz::PEERCRON_FUZZER({reinterpret_cast<const char*>(data), size});
    } catch (const std::exception& error) {
        // libFuzzer keeps the bytes of a program that aborts.
        std::fprintf(stderr, "BROKEN PROMISE: %s\n", error.what());
        std::abort();
    }
    return 0;
}
