// Which job comes next: priorities first, then the clients in turns.

import DaemonAPI
