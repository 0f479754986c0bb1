// The daemon's face: HTTP/1.1 over a Unix socket, and over loopback where that is asked for.

import DaemonAPI
import Hummingbird
