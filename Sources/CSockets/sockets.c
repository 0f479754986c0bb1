// What only C reaches about sockets.
#include "CSockets.h"
