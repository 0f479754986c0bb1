// Starts a process and waits for its end, by the C library alone.
#define _GNU_SOURCE
#include "CSpawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STANDARD_COUNT = 3 };

void gb_hold_standard_numbers(void) {
    for (int number = 0; number < STANDARD_COUNT; number++) {
        if (fcntl(number, F_GETFD) != -1 || errno != EBADF) continue;
        // The lowest free number is this one. Opened the other way round, so that its use fails.
        if (open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY) != number) return;
    }
}

static void close_both(gb_pipe *pipe) {
    if (pipe->reading >= 0) close(pipe->reading);
    if (pipe->writing >= 0) close(pipe->writing);
    *pipe = (gb_pipe){-1, -1};
}

// The child's ends go to the standard numbers, one after the other; none may stand in the way.
static int lift(int32_t *end) {
    if (*end >= STANDARD_COUNT) return 0;
    int higher = fcntl(*end, F_DUPFD_CLOEXEC, STANDARD_COUNT);
    if (higher < 0) return errno;
    close(*end);
    *end = higher;
    return 0;
}

int gb_make_pipe(gb_pipe *made) {
    int ends[2] = {-1, -1};
    int error = pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;
    *made = (gb_pipe){ends[0], ends[1]};
    if (error == 0) error = lift(&made->reading);
    if (error == 0) error = lift(&made->writing);
    if (error != 0) close_both(made);
    return error;
}

static int start(
    const char *path, char *const *arguments, char *const *environment, const int childs[3],
    pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, standard;
    sigemptyset(&none);
    sigemptyset(&standard);
    sigaddset(&standard, SIGPIPE);
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) return error;
    error = posix_spawnattr_init(&attributes);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    for (int i = 0; error == 0 && i < STANDARD_COUNT; i++) {
        error = posix_spawn_file_actions_adddup2(&actions, childs[i], i);
    }
    if (error == 0) error = posix_spawn_file_actions_addclosefrom_np(&actions, STANDARD_COUNT);
    if (error == 0) error = posix_spawnattr_setsigmask(&attributes, &none);
    if (error == 0) error = posix_spawnattr_setsigdefault(&attributes, &standard);
    if (error == 0) error = posix_spawnattr_setpgroup(&attributes, 0);
    if (error == 0) {
        error = posix_spawnattr_setflags(
            &attributes,
            POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    }
    if (error == 0) error = posix_spawn(pid, path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int gb_spawn(
    const char *path, char *const *arguments, char *const *environment, int32_t input,
    gb_spawned *spawned) {
    // Whoever started us may have ignored the ends of children; then nobody could wait for one.
    struct sigaction action;
    if (sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_IGN) {
        signal(SIGCHLD, SIG_DFL);
    }
    gb_pipe output, errors = {-1, -1};
    int error = gb_make_pipe(&output);
    if (error == 0) error = gb_make_pipe(&errors);
    pid_t pid = 0;
    if (error == 0) {
        const int childs[STANDARD_COUNT] = {input, output.writing, errors.writing};
        error = start(path, arguments, environment, childs, &pid);
    }
    if (error != 0) {
        close_both(&output);
        close_both(&errors);
        return error;
    }
    close(output.writing);
    close(errors.writing);
    *spawned = (gb_spawned){.pid = pid, .output = output.reading, .errors = errors.reading};
    return 0;
}

int gb_await_end(int32_t pid) {
    siginfo_t end;
    while (waitid(P_PID, (id_t)pid, &end, WEXITED | WNOWAIT) == -1) {
        if (errno != EINTR) return -1;
    }
    return end.si_code == CLD_EXITED ? (end.si_status & 0xFF) << 8 : end.si_status;
}

void gb_reap(int32_t pid) {
    while (waitpid(pid, NULL, 0) == -1 && errno == EINTR) {
    }
}
