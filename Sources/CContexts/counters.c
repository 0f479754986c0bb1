// Clocks and counters of the calling thread, read around a batch.
#define _GNU_SOURCE
#include "CContexts.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

static int64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t gb_monotonic_ns(void) { return nanoseconds(CLOCK_MONOTONIC); }

void gb_counters_read(gb_counters *counters) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    counters->involuntary_switches = usage.ru_nivcsw;
    counters->minor_faults = usage.ru_minflt;
    counters->major_faults = usage.ru_majflt;
    counters->cpu = sched_getcpu();
    counters->process_cpu_ns = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    counters->monotonic_ns = nanoseconds(CLOCK_MONOTONIC);
}

void gb_die_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

int gb_pin_here(void) {
    int cpu = sched_getcpu();
    if (cpu < 0) return -1;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? cpu : -1;
}
