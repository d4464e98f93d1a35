// step_8_final.cu: the built-in kernel: tiles of 128 x 128, warps of 64 x 64, bias and rectifier with the stores.
// Arch compute_80
// Layout   x: [N,H,W,C], w: [O,K,K,C], y: [N,H',W',O], all bf16; bias: [O] f32
// Launch   places along x, maps along y, in tiles of 128; block 128; dynamic shared memory: 3 slices of 32 KB
// Gains    what register tiles gained in step 3: a matrix read from shared memory serves 4 or 8 products, not 2 or 4,
//          and one of global memory twice as many: 768 clocks of the load unit a slice, whose products take 512.
//          Bias and rectifier by themselves would read and write y once more
// Costs    231 registers, 96 KB a block: two blocks on a multiprocessor, and few blocks where the product is small, for
//          which there are smaller tiles. Addresses move on from slice to slice, instead of being found anew
#include "conv2d_tensor.cu"
