// The lines about a signal that ends the process: which, who ran, and the calls that led there.
#include <unistd.h>

#include "owner.h"
#include "report.h"

static const char *name_of(int number) {
    switch (number) {
    case SIGABRT: return "SIGABRT";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    case SIGSEGV: return "SIGSEGV";
    case SIGSYS: return "SIGSYS";
    case SIGTRAP: return "SIGTRAP";
    default: return "another one";
    }
}

void gb_tell_crash(int number, const siginfo_t *info, struct gb_registers at) {
    // Calls: the innermost ones are where it went wrong, the outermost say what was being done.
    enum { inner = 48, outer = 16 };
    gb_guarded found, *stack = gb_guards_find_stack((const void *)at.sp, &found) ? &found : 0;
    struct gb_line line = {.length = 0};
    gb_put(&line, "greenlets: signal ");
    gb_put_number(&line, (uint64_t)number, 10);
    gb_put(&line, " (");
    gb_put(&line, name_of(number));
    gb_put(&line, ") in ");
    gb_put_owner(&line, stack);
    if (info->si_code <= 0) {
        if (info->si_pid != getpid()) {
            gb_put(&line, ", sent by process ");
            gb_put_number(&line, (uint64_t)info->si_pid, 10);
        }
    } else if (number == SIGSEGV || number == SIGBUS) {
        gb_put(&line, ", the fault is at ");
        gb_put_number(&line, (uintptr_t)info->si_addr, 16);
    }
    gb_put(&line, "; look its calls up with addr2line");
    gb_write_line(&line);
    gb_tell_calls(at, stack, inner, outer);
}
