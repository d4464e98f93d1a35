// own.h: the library itself: where it lies, and where the static shared memory of its kernels lies in its TLS.
#pragma once

#include "access.h"

#include <string>
#include <vector>

namespace sim {

Range own_image();
Range own_locals(); // this thread's TLS of the library

// SharedVariable is one `__shared__` of a kernel.
struct SharedVariable {
    std::string name; // as the source has it
    size_t offset;    // in the library's TLS
    size_t bytes;
};

// shared_variables finds a variable by its name in PTX. There is more than one where several sources have the same
// inline function; none where the library's symbols do not tell.
std::vector<SharedVariable> shared_variables(const std::string &ptx_name);

} // namespace sim
