// witness FILE: appends a line "JOB SCHEDULED_MS NOW_US" to FILE and ends: the command whose
// lateness is measured. The clock is read by its very first instructions. Without libc, whose own
// start asks the processor for its features, which under a hypervisor takes longer than all else
// that a command does.

#include <asm/unistd.h>
#include <fcntl.h>
#include <time.h>

namespace {

long call(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
    long result = number;
    register long fourth asm("r10") = d;
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(a), "S"(b), "d"(c), "r"(fourth)
                 : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long which asm("x8") = number;
    register long result asm("x0") = a;
    register long second asm("x1") = b;
    register long third asm("x2") = c;
    register long fourth asm("x3") = d;
    asm volatile("svc 0"
                 : "+r"(result)
                 : "r"(which), "r"(second), "r"(third), "r"(fourth)
                 : "memory");
    return result;
#else
#error "witness.cpp has no system calls for this processor"
#endif
}

/// What follows `name` in an entry of the environment; nullptr when it is another.
const char* value_of(const char* entry, const char* name)
{
    while (*name != '\0') {
        if (*entry++ != *name++) return nullptr;
    }
    return entry;
}

struct Line {
    char text[96];
    long size = 0;

    void add(const char* word)
    {
        while (*word != '\0' && size < 80) text[size++] = *word++;
    }

    void add(long number)
    {
        char digits[20];
        long count = 0;
        do {
            digits[count++] = static_cast<char>('0' + number % 10);
            number /= 10;
        } while (number > 0);
        while (count > 0 && size < 95) text[size++] = digits[--count];
    }
};

}  // namespace

/// @param stack as the kernel leaves it: count of arguments, arguments, nullptr, environment,
/// nullptr.
extern "C" [[noreturn]] void witness(char** stack)
{
    timespec now{};
    call(__NR_clock_gettime, CLOCK_REALTIME, reinterpret_cast<long>(&now), 0, 0);
    char** word = stack + 1;
    const char* file = nullptr;
    for (long i = 0; *word != nullptr; ++word, ++i) {
        if (i == 1) file = *word;
    }
    const char* job = "0";
    const char* scheduled = "0";
    for (++word; *word != nullptr; ++word) {
        if (const char* value = value_of(*word, "PEERCRON_JOB_ID=")) job = value;
        if (const char* value = value_of(*word, "PEERCRON_SCHEDULED_AT_MS=")) scheduled = value;
    }
    Line line;
    line.add(job);
    line.add(" ");
    line.add(scheduled);
    line.add(" ");
    line.add(now.tv_sec * 1'000'000 + now.tv_nsec / 1000);
    line.text[line.size++] = '\n';
    const long out = call(__NR_openat, AT_FDCWD, reinterpret_cast<long>(file),
                          O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    const long written = call(__NR_write, out, reinterpret_cast<long>(line.text), line.size, 0);
    call(__NR_exit_group, written == line.size ? 0 : 1, 0, 0, 0);
    __builtin_unreachable();
}

#if defined(__x86_64__)
asm(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call witness\n");
#else
asm(".globl _start\n_start: mov x0, sp\n bl witness\n");
#endif
