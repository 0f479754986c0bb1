// What DaemonClient promises.

import DaemonAPI
import Testing
