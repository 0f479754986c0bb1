// What only C reaches about sockets and the files around them: credentials, addresses, O_NOFOLLOW.
#ifndef GB_CSOCKETS_H
#define GB_CSOCKETS_H

#include <stddef.h>
#include <stdint.h>

/// Who is at the other end of a Unix socket, as the kernel noted it when the two were connected.
///
/// Of a connection's server end it is who called connect(); of its client end, who called listen().
typedef struct gb_peer {
    int32_t pid;
    uint32_t uid, gid;
} gb_peer;

/// The option by which getsockopt() tells it; a macro that Swift does not import everywhere.
extern const int32_t GB_PEER_OPTION;

/// Returns 0 or an error number.
int gb_peer_of(int socket, gb_peer *peer);

/// What a descriptor is.
typedef struct gb_socket {
    /// 1: Unix; 4: IPv4; 6: IPv6; 0: no socket, or of another family.
    int32_t family;
    int32_t is_stream, is_listening;
    /// Whether its own address is 127.0.0.0/8 or ::1.
    int32_t is_loopback;
    int32_t port;
} gb_socket;

void gb_socket_describe(int descriptor, gb_socket *found);

/// Connects to a Unix socket, and blocks as long as its backlog is full.
///
/// Returns a descriptor that is closed on exec, or a negative error number.
int gb_unix_connect(const char *path);

/// The same, as another user: the calling thread is that user's for the length of the call.
///
/// For tests of who may ask; only root can do it.
int gb_unix_connect_as(const char *path, uint32_t user);

/// Listens on a new Unix socket with mode 0600 from its first moment on, whatever the umask is.
///
/// Returns a non-blocking descriptor that is closed on exec, or a negative error number.
int gb_unix_listen(const char *path, int backlog);

/// The same on 127.0.0.1 or ::1. Port 0 takes a free one.
int gb_loopback_listen(int is_ipv6, uint16_t port, int backlog);

/// What lies at a name.
typedef struct gb_file {
    /// One of S_IFMT's values, and the twelve bits of the mode.
    uint32_t kind, mode;
    uint32_t uid;
    uint64_t links;
    uint64_t device, inode;
    int64_t size;
} gb_file;

/// Looks at what a descriptor is open on. Returns 0 or an error number.
int gb_file_of(int descriptor, gb_file *found);

/// Looks at a name in a folder, and at the link itself if it is one. Returns 0 or an error number.
int gb_file_at(int folder, const char *name, gb_file *found);

/// Opens a folder, but not through a link as its last part.
///
/// Returns a descriptor that is closed on exec, or a negative error number.
int gb_folder_open(const char *path);

/// What a file in a folder is opened for.
typedef enum gb_opening {
    GB_READ,
    /// Made with mode 0600 if it is not there.
    GB_READ_WRITE_MAKE,
    /// Made with mode 0600; it must not be there.
    GB_WRITE_NEW,
    /// Made with mode 0600 if it is not there; all writes go to its end.
    GB_APPEND,
} gb_opening;

/// Opens a regular file in a folder, never through a link, and never waiting for a FIFO.
///
/// Returns a descriptor that is closed on exec, or a negative error number; -EINVAL is what is no
/// regular file.
int gb_file_open(int folder, const char *name, gb_opening opening);

/// The kinds that S_IFMT tells apart, which Swift does not import.
int gb_is_folder(const gb_file *file);
int gb_is_regular(const gb_file *file);
int gb_is_socket(const gb_file *file);
int gb_is_link(const gb_file *file);

/// Whoever has the lock of an open file keeps it until its last descriptor is closed, or it dies.
///
/// Returns 0; EWOULDBLOCK when somebody else has it; or another error number.
int gb_lock(int descriptor);

/// What this process makes from now on is its user's alone; writing to a closed socket is an error
/// and no signal.
void gb_settle(void);

/// Sends a datagram to the service manager's socket; 0, or an error number; 0 without a manager.
int gb_notify(const char *address, const char *message);

/// A descriptor handed down by a service manager is not for children.
void gb_close_on_exec(int descriptor);

#endif
