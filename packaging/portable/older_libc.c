/* What Debian 12's libc has and one of 2018 (glibc 2.28) has not, for the program that runs on any Linux.
 * Objects that were compiled against the newer headers ask for these; build.sh links them against an older
 * libc, which gives all other functions in the versions that old systems have, too. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* libstdc++ counts references without atomic instructions while this says that there is one thread:
 * there always are some. */
char __libc_single_threaded = 0;

void arc4random_buf(void* buffer, size_t size)
{
    for (size_t had = 0; had < size;) {
        const ssize_t got = getrandom((char*)buffer + had, size - had, 0);
        if (got < 0 && errno != EINTR) abort();
        if (got > 0) had += (size_t)got;
    }
}

uint32_t arc4random(void)
{
    uint32_t number;
    arc4random_buf(&number, sizeof number);
    return number;
}

/* std::condition_variable waits with a clock of its choice. Here it gets the time left on the clock that
 * the older call counts by, so that a clock that is set in between can make it wait a little wrong. */
int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const struct timespec* until)
{
    struct timespec now, real;
    if (clock == CLOCK_REALTIME) return pthread_cond_timedwait(condition, mutex, until);
    clock_gettime(clock, &now);
    clock_gettime(CLOCK_REALTIME, &real);
    const long billion = 1000000000L;
    long nanoseconds = real.tv_nsec + until->tv_nsec - now.tv_nsec;
    real.tv_sec += until->tv_sec - now.tv_sec;
    if (nanoseconds < 0) {
        nanoseconds += billion;
        --real.tv_sec;
    } else if (nanoseconds >= billion) {
        nanoseconds -= billion;
        ++real.tv_sec;
    }
    real.tv_nsec = nanoseconds;
    return pthread_cond_timedwait(condition, mutex, &real);
}

static const char* const signals[] = {
    [SIGHUP] = "HUP",   [SIGINT] = "INT",       [SIGQUIT] = "QUIT", [SIGILL] = "ILL",   [SIGTRAP] = "TRAP",
    [SIGABRT] = "ABRT", [SIGBUS] = "BUS",       [SIGFPE] = "FPE",   [SIGKILL] = "KILL", [SIGUSR1] = "USR1",
    [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",     [SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM",
    [SIGCHLD] = "CHLD", [SIGSTKFLT] = "STKFLT", [SIGCONT] = "CONT", [SIGSTOP] = "STOP", [SIGTSTP] = "TSTP",
    [SIGTTIN] = "TTIN", [SIGTTOU] = "TTOU",     [SIGURG] = "URG",   [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ",
    [SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF", [SIGWINCH] = "WINCH", [SIGIO] = "POLL", [SIGPWR] = "PWR",
    [SIGSYS] = "SYS",
};

const char* sigabbrev_np(int number)
{
    const int known = sizeof signals / sizeof *signals;
    return number > 0 && number < known ? signals[number] : NULL;
}

const char* sigdescr_np(int number)
{
    return sigabbrev_np(number) == NULL ? NULL : strsignal(number);
}

/* These got new versions in 2.29 (errno is no longer set); the old ones are still there. */
#define OLD_VERSION(name) __asm__(".symver old_" #name "," #name "@GLIBC_2.2.5")
OLD_VERSION(exp);
OLD_VERSION(log);
OLD_VERSION(pow);
double old_exp(double);
double old_log(double);
double old_pow(double, double);

double exp(double x)
{
    return old_exp(x);
}

double log(double x)
{
    return old_log(x);
}

double pow(double x, double y)
{
    return old_pow(x, y);
}

/* The unwinder of GCC 12 finds the tables of a piece of code by this; without it no exception is caught. */
struct search {
    uintptr_t pc;
    struct dl_find_object* found;
};

static int look(struct dl_phdr_info* object, size_t size, void* data)
{
    (void)size;
    struct search* search = data;
    const ElfW(Phdr)* code = NULL;
    const ElfW(Phdr)* eh_frame = NULL;
    for (int i = 0; i < object->dlpi_phnum; ++i) {
        const ElfW(Phdr)* header = &object->dlpi_phdr[i];
        const uintptr_t begin = object->dlpi_addr + header->p_vaddr;
        if (header->p_type == PT_LOAD && search->pc >= begin && search->pc < begin + header->p_memsz) {
            code = header;
        }
        if (header->p_type == PT_GNU_EH_FRAME) eh_frame = header;
    }
    if (code == NULL) return 0;
    if (eh_frame == NULL) return -1;
    search->found->dlfo_map_start = (void*)(object->dlpi_addr + code->p_vaddr);
    search->found->dlfo_map_end = (char*)search->found->dlfo_map_start + code->p_memsz;
    search->found->dlfo_eh_frame = (void*)(object->dlpi_addr + eh_frame->p_vaddr);
    return 1;
}

int _dl_find_object(void* pc, struct dl_find_object* result)
{
    struct search search = {(uintptr_t)pc, result};
    memset(result, 0, sizeof *result);
    return dl_iterate_phdr(look, &search) == 1 ? 0 : -1;
}
