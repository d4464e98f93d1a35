// driver.h: what the loader of the CUDA driver tells.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// Why the driver cannot be used on this machine, or null when it can.
const char *duet_driver_problem(void);

// Where the driver was loaded from, or null.
const char *duet_driver_path(void);

#ifdef __cplusplus
}
#endif
