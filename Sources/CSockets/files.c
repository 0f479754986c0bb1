// Files and folders, looked at and opened without following links.
#define _GNU_SOURCE
#include "CSockets.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void fill(const struct stat *status, gb_file *found) {
    *found = (gb_file){
        .kind = status->st_mode & S_IFMT,
        .mode = status->st_mode & 07777,
        .uid = status->st_uid,
        .links = status->st_nlink,
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = status->st_size,
    };
}

int gb_file_of(int descriptor, gb_file *found) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return errno;
    fill(&status, found);
    return 0;
}

int gb_file_at(int folder, const char *name, gb_file *found) {
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno;
    fill(&status, found);
    return 0;
}

int gb_folder_open(const char *path) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int gb_file_open(int folder, const char *name, gb_opening opening) {
    int flags = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    switch (opening) {
    case GB_READ:
        flags |= O_RDONLY;
        break;
    case GB_READ_WRITE_MAKE:
        flags |= O_RDWR | O_CREAT;
        break;
    case GB_WRITE_NEW:
        flags |= O_WRONLY | O_CREAT | O_EXCL;
        break;
    case GB_APPEND:
        flags |= O_WRONLY | O_CREAT | O_APPEND;
        break;
    }
    int descriptor = openat(folder, name, flags, 0600);
    if (descriptor < 0) return -errno;
    struct stat status;
    int reason = fstat(descriptor, &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : EINVAL;
    if (reason != 0) {
        close(descriptor);
        return -reason;
    }
    return descriptor;
}

int gb_is_folder(const gb_file *file) { return S_ISDIR(file->kind); }
int gb_is_regular(const gb_file *file) { return S_ISREG(file->kind); }
int gb_is_socket(const gb_file *file) { return S_ISSOCK(file->kind); }
int gb_is_link(const gb_file *file) { return S_ISLNK(file->kind); }

int gb_lock(int descriptor) {
    int result;
    do {
        result = flock(descriptor, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : errno;
}

void gb_settle(void) {
    umask(077);
    signal(SIGPIPE, SIG_IGN);
}
