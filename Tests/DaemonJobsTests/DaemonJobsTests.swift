// What DaemonJobs promises.

import DaemonAPI
import Testing
