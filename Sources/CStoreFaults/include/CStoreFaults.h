// A VFS for SQLite over the system's own: operations that fail, end the process or lose power on purpose.
#ifndef CSTOREFAULTS_H
#define CSTOREFAULTS_H

#include <stdint.h>

/// What SQLite does to files, as bits of a set.
enum {
  GBV_OPEN = 1,
  GBV_READ = 2,
  GBV_WRITE = 4,
  GBV_TRUNCATE = 8,
  GBV_SYNC = 16,
  GBV_LOCK = 32,
  GBV_SHARED = 64,
  GBV_DELETE = 128,
  GBV_LOOK = 256,
  GBV_ALL = 511
};

/// What happens to an operation.
enum {
  /// It fails as the system's own would, and changes nothing.
  GBV_FAIL = 0,

  /// Of a write, half is written before it fails.
  GBV_HALF = 1,

  /// The process is killed, with a write half written.
  GBV_KILL = 2,

  /// It and all that follow fail; what was not synced is for gbv_lose to scatter.
  GBV_POWER = 3
};

/// Which operations something happens to.
typedef struct {
  /// Those that are counted; 0 for none.
  uint32_t operations;
  uint32_t deed;

  /// The first that it happens to, from 1 on, and how many it happens to.
  int64_t first;
  int64_t count;

  /// What errno says where an operation fails: EIO, or ENOSPC or EDQUOT for writes.
  int32_t error;
} gbv_plan;

/// What happened since the last plan.
typedef struct {
  /// Operations that were counted, and those of them that something happened to.
  int64_t counted;
  int64_t met;

  /// The first of the latter: its bit, and whose: 0 the database's, 1 the log's, 2 another file's.
  uint32_t operation;
  uint32_t file;
} gbv_account;

/// Makes this the VFS of every connection that is opened from now on. To be called before any.
///
/// @return 0, or SQLite's code.
int gbv_install(void);

/// Takes a plan, and begins to count.
void gbv_set(gbv_plan plan);

gbv_account gbv_tell(void);

/// Lets files grow by so many bytes in all, and not further; less than 0 is no limit.
///
/// What is truncated or deleted gives its bytes back.
///
/// @param error What errno says then: ENOSPC, or EDQUOT for a quota.
void gbv_set_room(int64_t bytes, int32_t error);

/// The least room that there was since it was set.
int64_t gbv_least_room(void);

/// Remembers every write until it is synced, for a power failure.
void gbv_remember(void);

/// After a power failure and with all files closed: of each 512 bytes that were written and not
/// synced, some are there, some are not, and some are neither the old nor the new.
///
/// @return 0, or an errno.
int gbv_lose(uint64_t seed);

/// A connection that reads, and stays within its transaction: the log of writes cannot end meanwhile.
///
/// @return SQLite's code.
int gbv_pin(const char *path);
int gbv_unpin(void);

/// Writes to the file within a transaction that stays open: others find it locked.
///
/// @return SQLite's code.
int gbv_hold(const char *path);
int gbv_release(void);

/// Changes a store as no program of this house would.
///
/// @return SQLite's code.
int gbv_execute(const char *path, const char *sql);

/// unshare and mount: from now on a folder is a file system of its own with so many bytes, for this
/// process alone. For processes with one thread.
///
/// @return 0, or an errno.
int gbv_private_tmpfs(const char *folder, int64_t bytes);

/// Makes that file system one that is only read.
///
/// @return 0, or an errno.
int gbv_remount_read_only(const char *folder);

/// Gives up being the superuser, and takes it back; nothing to do for others. For processes with one
/// thread.
///
/// @return 0, or an errno.
int gbv_become_nobody(void);
int gbv_become_root_again(void);

/// fork, which Swift does not offer; on Linux the child is killed when the thread that asked ends.
int gbv_fork(void);

#endif
