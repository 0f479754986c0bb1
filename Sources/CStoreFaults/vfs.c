// The VFS: every operation is counted, looked up in the plan, and handed on to the system's own.

#define _GNU_SOURCE
#include "faults.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  sqlite3_file base;
  const char *path;
  uint32_t kind;
  sqlite3_file *real;
} file_t;

static sqlite3_vfs *system_vfs;
static sqlite3_vfs own_vfs;

// A store's connections are used by several threads, one after the other or not.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static gbv_plan plan;
static gbv_account account;
static int64_t room = -1, least_room = -1;
static int32_t room_error = ENOSPC;
static bool is_dead;

void gbv_set(gbv_plan next) {
  pthread_mutex_lock(&lock);
  plan = next;
  account = (gbv_account){0};
  is_dead = false;
  pthread_mutex_unlock(&lock);
}

gbv_account gbv_tell(void) {
  pthread_mutex_lock(&lock);
  gbv_account told = account;
  pthread_mutex_unlock(&lock);
  return told;
}

void gbv_set_room(int64_t bytes, int32_t error) {
  pthread_mutex_lock(&lock);
  room = least_room = bytes;
  room_error = error;
  pthread_mutex_unlock(&lock);
}

int64_t gbv_least_room(void) {
  pthread_mutex_lock(&lock);
  int64_t told = least_room;
  pthread_mutex_unlock(&lock);
  return told;
}

static int code_of(uint32_t operation) {
  switch (operation) {
  case GBV_OPEN: return SQLITE_CANTOPEN;
  case GBV_READ: return SQLITE_IOERR_READ;
  case GBV_TRUNCATE: return SQLITE_IOERR_TRUNCATE;
  case GBV_SYNC: return SQLITE_IOERR_FSYNC;
  case GBV_LOCK: return SQLITE_IOERR_LOCK;
  case GBV_SHARED: return SQLITE_IOERR_SHMMAP;
  case GBV_DELETE: return SQLITE_IOERR_DELETE;
  case GBV_LOOK: return SQLITE_IOERR_FSTAT;
  // As the system's own: a quota is no full disk to it.
  default: return errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
  }
}

typedef enum { go_on, fails, fails_half, dies } fate_t;

// What is to happen to this operation; with errno set where it fails.
static fate_t fate_of(uint32_t operation, uint32_t kind) {
  fate_t fate = go_on;
  int32_t error = EIO;
  pthread_mutex_lock(&lock);
  if (is_dead) {
    fate = fails;
  } else if (plan.operations & operation) {
    account.counted++;
    if (account.counted >= plan.first && account.counted - plan.first < plan.count) {
      if (account.met++ == 0) {
        account.operation = operation;
        account.file = kind;
      }
      if (plan.error != 0) error = plan.error;
      fate = plan.deed == GBV_HALF ? fails_half : plan.deed == GBV_KILL ? dies : fails;
      if (plan.deed == GBV_POWER) is_dead = true;
    }
  }
  pthread_mutex_unlock(&lock);
  if (fate == dies && operation != GBV_WRITE) raise(SIGKILL);
  if (fate != go_on) errno = error;
  return fate;
}

#define PASS_OR_FAIL(operation, kind) \
  do { \
    if (fate_of(operation, kind) != go_on) return code_of(operation); \
  } while (0)

static file_t *own(sqlite3_file *file) { return (file_t *)file; }

static int gb_close(sqlite3_file *file) {
  // Always: what is open stays so otherwise.
  return own(file)->real->pMethods->xClose(own(file)->real);
}

static int gb_read(sqlite3_file *file, void *bytes, int amount, sqlite3_int64 offset) {
  PASS_OR_FAIL(GBV_READ, own(file)->kind);
  return own(file)->real->pMethods->xRead(own(file)->real, bytes, amount, offset);
}

static int hand_write(file_t *file, const void *bytes, int amount, sqlite3_int64 offset) {
  if (amount == 0) return SQLITE_OK;
  gbv_note_write(file->path, bytes, amount, offset);
  return file->real->pMethods->xWrite(file->real, bytes, amount, offset);
}

static int gb_write(sqlite3_file *file, const void *bytes, int amount, sqlite3_int64 offset) {
  file_t *mine = own(file);
  fate_t fate = fate_of(GBV_WRITE, mine->kind);
  if (fate == fails_half || fate == dies) {
    int error = errno;
    // That it failed is told anyway.
    (void)hand_write(mine, bytes, amount / 2, offset);
    if (fate == dies) raise(SIGKILL);
    errno = error;
  }
  if (fate != go_on) return code_of(GBV_WRITE);
  sqlite3_int64 size = 0;
  int code = mine->real->pMethods->xFileSize(mine->real, &size);
  if (code != SQLITE_OK) return code;
  sqlite3_int64 growth = offset + amount > size ? offset + amount - size : 0;
  pthread_mutex_lock(&lock);
  sqlite3_int64 granted = room < 0 || growth <= room ? growth : room;
  if (room >= 0) room -= granted;
  if (room < least_room) least_room = room;
  int32_t error = room_error;
  pthread_mutex_unlock(&lock);
  if (granted == growth) return hand_write(mine, bytes, amount, offset);
  sqlite3_int64 left = amount - (growth - granted);
  if (left > 0) (void)hand_write(mine, bytes, (int)left, offset);
  errno = error;
  return code_of(GBV_WRITE);
}

static void give_back(sqlite3_int64 bytes) {
  pthread_mutex_lock(&lock);
  if (room >= 0 && bytes > 0) room += bytes;
  pthread_mutex_unlock(&lock);
}

static int gb_truncate(sqlite3_file *file, sqlite3_int64 size) {
  file_t *mine = own(file);
  PASS_OR_FAIL(GBV_TRUNCATE, mine->kind);
  sqlite3_int64 before = 0;
  int code = mine->real->pMethods->xFileSize(mine->real, &before);
  if (code != SQLITE_OK) return code;
  gbv_note_truncation(mine->path, size);
  code = mine->real->pMethods->xTruncate(mine->real, size);
  if (code == SQLITE_OK) give_back(before - size);
  return code;
}

static int gb_sync(sqlite3_file *file, int flags) {
  (void)flags;
  PASS_OR_FAIL(GBV_SYNC, own(file)->kind);
  gbv_note_sync(own(file)->path);
  // The machine stays on: what the kernel has is there.
  return SQLITE_OK;
}

static int gb_size(sqlite3_file *file, sqlite3_int64 *size) {
  PASS_OR_FAIL(GBV_LOOK, own(file)->kind);
  return own(file)->real->pMethods->xFileSize(own(file)->real, size);
}

static int gb_lock(sqlite3_file *file, int level) {
  PASS_OR_FAIL(GBV_LOCK, own(file)->kind);
  return own(file)->real->pMethods->xLock(own(file)->real, level);
}

static int gb_unlock(sqlite3_file *file, int level) {
  return own(file)->real->pMethods->xUnlock(own(file)->real, level);
}

static int gb_check_lock(sqlite3_file *file, int *result) {
  return own(file)->real->pMethods->xCheckReservedLock(own(file)->real, result);
}

static int gb_control(sqlite3_file *file, int number, void *argument) {
  return own(file)->real->pMethods->xFileControl(own(file)->real, number, argument);
}

static int gb_sector(sqlite3_file *file) {
  return own(file)->real->pMethods->xSectorSize(own(file)->real);
}

static int gb_traits(sqlite3_file *file) {
  return own(file)->real->pMethods->xDeviceCharacteristics(own(file)->real);
}

static int gb_shared_map(
    sqlite3_file *file, int region, int size, int extend, void volatile **place) {
  PASS_OR_FAIL(GBV_SHARED, own(file)->kind);
  return own(file)->real->pMethods->xShmMap(own(file)->real, region, size, extend, place);
}

static int gb_shared_lock(sqlite3_file *file, int offset, int count, int flags) {
  // To let go never fails: SQLite does not ask whether it did.
  if (flags & SQLITE_SHM_LOCK && fate_of(GBV_SHARED, own(file)->kind) != go_on) {
    return SQLITE_IOERR_SHMLOCK;
  }
  return own(file)->real->pMethods->xShmLock(own(file)->real, offset, count, flags);
}

static void gb_shared_barrier(sqlite3_file *file) {
  own(file)->real->pMethods->xShmBarrier(own(file)->real);
}

static int gb_shared_unmap(sqlite3_file *file, int deletes) {
  return own(file)->real->pMethods->xShmUnmap(own(file)->real, deletes);
}

// Version 2: no mapped reads, which nobody could make fail.
static const sqlite3_io_methods methods = {
    2,          gb_close,       gb_read,           gb_write,        gb_truncate,
    gb_sync,    gb_size,        gb_lock,           gb_unlock,       gb_check_lock,
    gb_control, gb_sector,      gb_traits,         gb_shared_map,   gb_shared_lock,
    gb_shared_barrier, gb_shared_unmap, NULL, NULL};

static uint32_t kind_of(int flags) {
  return flags & SQLITE_OPEN_MAIN_DB ? 0 : flags & SQLITE_OPEN_WAL ? 1 : 2;
}

static int gb_open(
    sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *flags_out) {
  (void)vfs;
  file_t *mine = own(file);
  mine->base.pMethods = NULL;
  mine->path = path;
  mine->kind = kind_of(flags);
  mine->real = (sqlite3_file *)(mine + 1);
  PASS_OR_FAIL(GBV_OPEN, mine->kind);
  int code = system_vfs->xOpen(system_vfs, path, mine->real, flags, flags_out);
  if (mine->real->pMethods != NULL) mine->base.pMethods = &methods;
  return code;
}

static int gb_delete(sqlite3_vfs *vfs, const char *path, int syncs) {
  (void)vfs;
  PASS_OR_FAIL(GBV_DELETE, 2);
  struct stat facts;
  bool is_there = stat(path, &facts) == 0;
  int code = system_vfs->xDelete(system_vfs, path, syncs);
  if (code == SQLITE_OK && is_there) {
    gbv_note_sync(path);
    give_back(facts.st_size);
  }
  return code;
}

static int gb_access(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
  (void)vfs;
  if (fate_of(GBV_LOOK, 2) != go_on) return SQLITE_IOERR_ACCESS;
  return system_vfs->xAccess(system_vfs, path, flags, result);
}

int gbv_install(void) {
  if (system_vfs != NULL) return SQLITE_OK;
  sqlite3_vfs *found = sqlite3_vfs_find(NULL);
  if (found == NULL) return SQLITE_ERROR;
  own_vfs = *found;
  own_vfs.zName = "greenbench-faults";
  own_vfs.pNext = NULL;
  own_vfs.szOsFile = (int)sizeof(file_t) + found->szOsFile;
  own_vfs.xOpen = gb_open;
  own_vfs.xDelete = gb_delete;
  own_vfs.xAccess = gb_access;
  system_vfs = found;
  return sqlite3_vfs_register(&own_vfs, 1);
}
