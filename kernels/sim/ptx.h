// ptx.h: the instructions of PTX for the files that ptx2cpp generates, which include nothing else. Semantics are those
// of the PTX ISA, chapter 9; what is plain C++ (an unsigned sum) the generated code writes itself.
//
//   ptx_integer.h  integers and bits
//   ptx_float.h    roundings, minima, signs
//   ptx_half.h     f16, bf16 and tf32
//   ptx_convert.h  cvt
//   ptx_memory.h   loads, stores, atomics, state spaces
//   ptx_warp.h     what the lanes of a warp do together
#pragma once

#include "host.h"

#define PTX_INLINE static inline __attribute__((always_inline))

#include "ptx_integer.h"

#include "ptx_float.h"

#include "ptx_half.h"

#include "ptx_convert.h"

#include "ptx_memory.h"

#include "ptx_warp.h"
