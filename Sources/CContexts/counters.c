// Clocks and counters of the calling thread, read around a batch.
#define _GNU_SOURCE
#include "CContexts.h"

#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
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

void gb_no_core(void) {
    struct rlimit limit;
    // Linux pipes a core to a program even where it may have 0 bytes, but not where it may have one.
    if (getrlimit(RLIMIT_CORE, &limit) || limit.rlim_cur || !limit.rlim_max) return;
    limit.rlim_cur = 1;
    setrlimit(RLIMIT_CORE, &limit);
}

int gb_pin_to(int cpu) {
    if (cpu < 0 || cpu >= CPU_SETSIZE) return -1;
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0 ? cpu : -1;
}

int gb_pin_here(void) { return gb_pin_to(sched_getcpu()); }

int gb_leave_last_cpu(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0 || CPU_COUNT(&set) < 2) return -1;
    int last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &set)) last--;
    CPU_CLR(last, &set);
    DIR *threads = opendir("/proc/self/task");
    if (!threads) return -1;
    // Threads that are made meanwhile have the set of the one that makes them.
    for (struct dirent *entry; (entry = readdir(threads));) {
        int thread = atoi(entry->d_name);
        if (thread > 0) (void)sched_setaffinity(thread, sizeof set, &set);
    }
    closedir(threads);
    return last;
}
