// Credentials, addresses and listeners.
#define _GNU_SOURCE
#include "CSockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

const int32_t GB_PEER_OPTION = SO_PEERCRED;

int gb_peer_of(int socket, gb_peer *peer) {
    struct ucred found;
    socklen_t size = sizeof found;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &found, &size) != 0) return errno;
    // What is no Unix socket has no peer that the kernel knows; it answers with pid 0 and uid -1.
    if (found.uid == (uid_t)-1) return ENOTCONN;
    *peer = (gb_peer){.pid = found.pid, .uid = found.uid, .gid = found.gid};
    return 0;
}

static int option(int descriptor, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

void gb_socket_describe(int descriptor, gb_socket *found) {
    *found = (gb_socket){0};
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    memset(&address, 0, sizeof address);
    if (getsockname(descriptor, (struct sockaddr *)&address, &size) != 0) return;
    found->is_stream = option(descriptor, SO_TYPE) == SOCK_STREAM;
    found->is_listening = option(descriptor, SO_ACCEPTCONN) == 1;
    switch (address.ss_family) {
    case AF_UNIX:
        found->family = 1;
        break;
    case AF_INET: {
        const struct sockaddr_in *own = (const struct sockaddr_in *)&address;
        found->family = 4;
        found->is_loopback = ntohl(own->sin_addr.s_addr) >> 24 == 127;
        found->port = ntohs(own->sin_port);
        break;
    }
    case AF_INET6: {
        const struct sockaddr_in6 *own = (const struct sockaddr_in6 *)&address;
        found->family = 6;
        found->is_loopback = IN6_IS_ADDR_LOOPBACK(&own->sin6_addr) != 0;
        found->port = ntohs(own->sin6_port);
        break;
    }
    }
}

/// Fills in an address; returns its size, or 0 if the path is too long.
static socklen_t unix_address(const char *path, struct sockaddr_un *address) {
    size_t length = strlen(path);
    memset(address, 0, sizeof *address);
    if (length == 0 || length >= sizeof address->sun_path) return 0;
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
}

/// Closes, and hands on why.
static int give_up(int descriptor) {
    int reason = errno;
    close(descriptor);
    return -reason;
}

int gb_unix_connect(const char *path) {
    struct sockaddr_un address;
    socklen_t size = unix_address(path, &address);
    if (size == 0) return -ENAMETOOLONG;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    int result;
    do {
        result = connect(descriptor, (struct sockaddr *)&address, size);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? descriptor : give_up(descriptor);
}

int gb_unix_connect_as(const char *path, uint32_t user) {
    // By the kernel's own call: the C library's would change all threads of the process.
    if (syscall(SYS_setresuid, -1, user, -1) != 0) return -errno;
    int result = gb_unix_connect(path);
    if (syscall(SYS_setresuid, -1, 0, -1) != 0) abort();
    return result;
}

int gb_unix_listen(const char *path, int backlog) {
    struct sockaddr_un address;
    socklen_t size = unix_address(path, &address);
    if (size == 0) return -ENAMETOOLONG;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    // Linux makes the file with the mode of the socket, so there is no moment with another one, and
    // the umask, which belongs to all threads, is left alone.
    if (fchmod(descriptor, 0600) != 0) return give_up(descriptor);
    if (bind(descriptor, (struct sockaddr *)&address, size) != 0) return give_up(descriptor);
    if (listen(descriptor, backlog) != 0) return give_up(descriptor);
    return descriptor;
}

int gb_loopback_listen(int is_ipv6, uint16_t port, int backlog) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    int family = is_ipv6 ? AF_INET6 : AF_INET;
    int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return -errno;
    int on = 1;
    // A daemon that was killed leaves connections behind that would keep the port for a minute.
    if (setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        (is_ipv6 && setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0))
        return give_up(descriptor);
    int result = is_ipv6 ? bind(descriptor, (struct sockaddr *)&v6, sizeof v6)
                         : bind(descriptor, (struct sockaddr *)&v4, sizeof v4);
    if (result != 0 || listen(descriptor, backlog) != 0) return give_up(descriptor);
    return descriptor;
}

int gb_notify(const char *address, const char *message) {
    if (address == NULL || (address[0] != '/' && address[0] != '@')) return 0;
    struct sockaddr_un to;
    socklen_t size = unix_address(address, &to);
    if (size == 0) return ENAMETOOLONG;
    if (address[0] == '@') {
        // An abstract name begins with a zero, and ends where the address ends.
        to.sun_path[0] = '\0';
        size -= 1;
    }
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return errno;
    size_t length = strlen(message);
    ssize_t sent =
        sendto(descriptor, message, length, MSG_NOSIGNAL, (struct sockaddr *)&to, size);
    int reason = sent == (ssize_t)length ? 0 : errno;
    close(descriptor);
    return reason;
}

void gb_close_on_exec(int descriptor) {
    int flags = fcntl(descriptor, F_GETFD);
    if (flags >= 0) fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC);
}
