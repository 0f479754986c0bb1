// What DaemonServer promises.

import DaemonAPI
import Testing
