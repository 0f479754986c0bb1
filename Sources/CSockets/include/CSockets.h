// What only C reaches about sockets: peer credentials, and addresses of Unix sockets.
#ifndef GB_CSOCKETS_H
#define GB_CSOCKETS_H
#endif
