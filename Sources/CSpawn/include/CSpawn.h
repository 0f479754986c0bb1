// A process with three pipes: `posix_spawn`, of whose parts Swift does not see all.
#ifndef GB_CSPAWN_H
#define GB_CSPAWN_H

#include <stdint.h>

/// Takes those of the three standard numbers that are closed, so that nothing else is opened as one of
/// them. What uses them fails as before.
void gb_hold_standard_numbers(void);

/// A pipe that no child inherits.
typedef struct gb_pipe {
    int32_t reading, writing;
} gb_pipe;

/// Makes a pipe, with both ends above the three standard numbers. Returns 0 or an error number; then
/// both ends are -1.
int gb_make_pipe(gb_pipe *made);

/// A process that was started, and our ends of its pipes.
typedef struct gb_spawned {
    int32_t pid, output, errors;
} gb_spawned;

/// Starts a program, in a process group of its own and in our working folder.
///
/// `input` is the end of a pipe that it reads; it stays the caller's. It gets none of our other
/// descriptors, no signal is blocked in it, and SIGPIPE ends it, whatever it does to us. `arguments`
/// begins with the program's name; both arrays end with NULL. A SIGCHLD that this process ignores is
/// ignored no longer. Returns 0 or an error number; then nothing is open that was not open before.
int gb_spawn(
    const char *path, char *const *arguments, char *const *environment, int32_t input,
    gb_spawned *spawned);

/// Waits until a child has ended; its number stays its own until it is reaped. Returns how it ended, as
/// `waitpid` has it, or -1 when that is not to be had.
int gb_await_end(int32_t pid);

/// Reaps a child that has ended, if nobody has.
void gb_reap(int32_t pid);

#endif
