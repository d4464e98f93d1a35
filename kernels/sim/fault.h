// fault.h: the failures that DUET_SIM_FAULT asks for.
#pragma once

#include "context.h"
#include "settings.h"

namespace sim {

// Called is what a call asks for, as far as faults count it.
enum class Called { alloc, launch, copy, other };

// inject counts a call on a device and answers what it must fail with: an allocation at once, work when it runs. Every
// call counts towards the loss of the device, after which failure says so. Under the driver's lock.
CUresult inject(const Context *context, Called called);

} // namespace sim
