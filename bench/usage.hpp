#pragma once

#include <sys/types.h>

namespace peercron::bench {

/// Memory of this process, in MiB.
double resident_mib();

/// CPU seconds that another process has used, all its threads; 0 when it is gone.
double cpu_seconds_of(pid_t process);

}  // namespace peercron::bench
