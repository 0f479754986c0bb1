// Others at the file: a reader that stays, a writer that stays; and a small file system.

#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#endif

// One of each at a time: a trial needs no more.
static sqlite3 *reader;
static sqlite3 *writer;

static int end(sqlite3 **connection) {
  int code = sqlite3_exec(*connection, "ROLLBACK", NULL, NULL, NULL);
  int closed = sqlite3_close(*connection);
  *connection = NULL;
  return code != SQLITE_OK ? code : closed;
}

static int begin(sqlite3 **connection, const char *path, const char *sql) {
  int code = sqlite3_open_v2(path, connection, SQLITE_OPEN_READWRITE, NULL);
  if (code == SQLITE_OK) code = sqlite3_exec(*connection, sql, NULL, NULL, NULL);
  if (code != SQLITE_OK) {
    sqlite3_close(*connection);
    *connection = NULL;
  }
  return code;
}

int gbv_pin(const char *path) {
  return begin(&reader, path, "BEGIN; SELECT count(*) FROM sqlite_schema");
}

int gbv_unpin(void) { return end(&reader); }

int gbv_hold(const char *path) { return begin(&writer, path, "BEGIN IMMEDIATE"); }

int gbv_release(void) { return end(&writer); }

int gbv_execute(const char *path, const char *sql) {
  sqlite3 *connection = NULL;
  int code = sqlite3_open_v2(path, &connection, SQLITE_OPEN_READWRITE, NULL);
  if (code == SQLITE_OK) code = sqlite3_exec(connection, sql, NULL, NULL, NULL);
  int closed = sqlite3_close(connection);
  return code != SQLITE_OK ? code : closed;
}

#ifdef __linux__
static bool was_root;

int gbv_become_nobody(void) {
  enum { nobody = 65534 };
  was_root = geteuid() == 0;
  if (!was_root) return 0;
  // The saved ids stay: they are the way back.
  return setresgid(nobody, nobody, 0) == 0 && setresuid(nobody, nobody, 0) == 0 ? 0 : errno;
}

int gbv_become_root_again(void) {
  if (!was_root) return 0;
  return setresuid(0, 0, 0) == 0 && setresgid(0, 0, 0) == 0 ? 0 : errno;
}

int gbv_fork(void) {
  pid_t parent = getpid();
  int child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
  }
  return child;
}

static bool write_text(const char *path, const char *text) {
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool is_written = write(file, text, strlen(text)) == (ssize_t)strlen(text);
  close(file);
  return is_written;
}

// A user who is nobody special may mount in a namespace where he is root.
static int own_namespace(void) {
  if (unshare(CLONE_NEWNS) == 0) return 0;
  char map[64];
  snprintf(map, sizeof map, "0 %u 1", (unsigned)getuid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return errno;
  if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", map)) {
    return errno;
  }
  return 0;
}

int gbv_private_tmpfs(const char *folder, int64_t bytes) {
  int error = own_namespace();
  if (error != 0) return error;
  // Or the mount would be seen outside, too.
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return errno;
  char options[64];
  snprintf(options, sizeof options, "size=%lld,mode=755", (long long)bytes);
  return mount("greenbench", folder, "tmpfs", MS_NOSUID | MS_NODEV, options) == 0 ? 0 : errno;
}

int gbv_remount_read_only(const char *folder) {
  return mount(NULL, folder, NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0 ? 0 : errno;
}
#else
int gbv_fork(void) { return fork(); }

int gbv_become_nobody(void) { return geteuid() == 0 ? ENOSYS : 0; }

int gbv_become_root_again(void) { return 0; }

int gbv_private_tmpfs(const char *folder, int64_t bytes) {
  (void)folder;
  (void)bytes;
  return ENOSYS;
}

int gbv_remount_read_only(const char *folder) {
  (void)folder;
  return ENOSYS;
}
#endif
