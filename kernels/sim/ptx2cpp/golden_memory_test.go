package main

// goldenModule is declared before the cases.
const goldenModule = `
.global .align 4 .u32 words[4] = {1, 0x80000000, 3};
.global .align 4 .u32 pointless = 4;
.const .align 8 .f64 halves[2] = {0d3FE0000000000000, 0.25};
.global .align 8 .u64 pointers[2] = {words, words+4};
.shared .align 4 .b8 common[8];
.extern .shared .align 16 .b8 dynamic[];
.func (.param .b32 result) twice(.param .b32 x);
.func (.param .b32 result) twice_and_one(.param .b32 x)
{
	.reg .b32 %r<4>;
	.reg .pred %p;
	ld.param.b32 %r1, [x];
	{
	.param .b32 given;
	.param .b32 got;
	st.param.b32 [given+0], %r1;
	call.uni (got), twice, (given);
	ld.param.b32 %r2, [got+0];
	}
	setp.lt.s32 %p, %r2, 100;
	@%p bra small;
	mov.u32 %r2, -2;
small:	add.s32 %r2, %r2, 1;
	st.shared.u32 [common+4], %r2;
	ld.shared.u32 %r3, [common+4];
	st.param.b32 [result], %r3;
	ret;
}
.func (.param .b32 result) twice(.param .b32 x)
{
	.reg .b32 %r<2>;
	ld.param.b32 %r1, [x];
	add.s32 %r1, %r1, %r1;
	st.param.b32 [result], %r1;
	ret;
}
`

var memoryGolden = []golden{
	{code: "ld.global.u8 %r9, [%in];", rows: []row{r(0x1ff, 0xff)}},
	{code: "ld.global.s8 %r9, [%in];", rows: []row{r(0x1ff, -1)}},
	{code: "ld.global.s16 %q9, [%in];", rows: []row{r(0x8000, -32768)}},
	{code: "ld.global.nc.v4.u16 {%h4, %h5, %h9, %h6}, [%in+8];", rows: []row{r(0, 7<<32, 7)}},
	{code: "ld.global.cg.v2.f32 {%f4, %f9}, [%in];", rows: []row{r(0x3f800000<<32, float32(1))}},
	{code: "ld.volatile.global.v2.u64 {%q4, %q9}, [%in+16];", rows: []row{r(0, 0, 0, 5, 5)}},
	{code: "ld.u32 %r9, [%in+4];", rows: []row{r(5<<32, 5)}},
	{code: "ld.relaxed.gpu.global.L1::no_allocate.u32 %r9, [%in];", rows: []row{r(5, 5)}},
	{code: "ld.global.L2::128B.f64 %d9, [%in];", rows: []row{r(.5, .5)}},
	{code: "ld.global.u32 %r9, [%in+32];", rows: []row{r(refused("out of bounds"))}},
	{code: "ld.global.u64 %q9, [%in+-8];", rows: []row{r(refused("out of bounds"))}},
	{code: "add.s64 %q4, %in, 2; ld.global.u32 %r9, [%q4];", rows: []row{r(refused("misaligned access"))}},
	{code: "ld.global.v2.u32 {%r4, %r9}, [%in+4];", rows: []row{r(refused("misaligned access"))}},
	{code: "ld.global.u32 %r9, [words+4];", rows: []row{r(minInt)}},
	{code: "mov.u64 %q4, words; cvta.global.u64 %q4, %q4; cvta.to.global.u64 %q4, %q4; sub.s64 %q9, %q4, words;",
		rows: []row{r(0)}},
	{code: "ld.const.f64 %d9, [halves+8];", rows: []row{r(.25)}},
	{code: "ld.global.u64 %q4, [pointers+8]; mov.u64 %q5, words; sub.s64 %q9, %q4, %q5;", rows: []row{r(4)}},
	{code: "ld.param.u64 %q4, [in]; sub.s64 %q9, %q4, %in;", rows: []row{r(0)}},
	{code: ".shared .align 8 .b8 own[16]; st.shared.v2.u32 [own+8], {%r0, %r1}; ld.shared.u32 %r9, [own+12];",
		rows: []row{r(1, 2, 2)}},
	{code: ".shared .align 8 .b8 own[16]; mov.u32 %r4, own; add.s32 %r4, %r4, %r0; st.shared.u32 [%r4], %r1; " +
		"ld.shared.u32 %r9, [own+12];", rows: []row{r(12, 5, 5)}},
	{code: ".shared .align 8 .b8 own[16]; mov.u64 %q4, own; cvta.shared.u64 %q4, %q4; st.u32 [%q4+4], %r0; " +
		"ld.shared.u32 %r9, [own+4];", rows: []row{r(5, 5)}},
	{code: ".shared .align 8 .b8 own[16]; mov.u64 %q4, own; cvta.shared.u64 %q5, %q4; cvta.to.shared.u64 %q5, %q5; " +
		"sub.s64 %q9, %q5, %q4;", rows: []row{r(0)}},
	{code: ".shared .align 8 .b8 own[16]; mov.u64 %q4, own; cvta.shared.u64 %q5, %q4; isspacep.shared %p9, %q5;",
		rows: []row{r(true)}},
	{code: "isspacep.global %p9, %in;", rows: []row{r(true)}},
	{code: "mov.u32 %r4, dynamic; st.shared.u32 [%r4+60], %r0; ld.shared.u32 %r9, [dynamic+60];", rows: []row{r(5, 5)}},
	{code: "st.shared.u32 [dynamic+64], %r0; mov.u32 %r9, 0;", rows: []row{r(refused("bad shared"))}},
	{code: "mov.u32 %r4, dynamic; ld.shared.u32 %r9, [%r4+2];", rows: []row{r(refused("bad shared"))}},
	{code: "mov.u32 %r4, dynamic; ld.shared.u32 %r9, [%r4+-64];", rows: []row{r(refused("bad shared"))}},
	{code: "mov.u32 %r9, %dynamic_smem_size;", rows: []row{r(64)}},
	{code: ".local .align 8 .b8 depot[16]; mov.u64 %q4, depot; cvta.local.u64 %q5, %q4; st.local.u32 [%q4+8], %r0; " +
		"ld.u32 %r9, [%q5+8];", rows: []row{r(5, 5)}},
	{code: ".local .align 8 .b8 depot[16]; st.local.u64 [depot+8], %q0; ld.local.s16 %r9, [depot+8];",
		rows: []row{r(0x8000, -32768)}},
	{code: "st.global.u16 [%out+8], %r0; ld.global.u32 %r9, [%out+8];", rows: []row{r(0x12345, 0x2345)}},
	{code: "st.global.v4.f32 [%out], {%f0, %f1, %f2, %f3}; ld.global.f32 %f9, [%out+12];",
		rows: []row{r(0, 0, 0, float32(3), float32(3))}},
	{code: "st.release.sys.global.u32 [%out], %r0; fence.acq_rel.gpu; membar.gl; ld.acquire.sys.global.u32 %r9, [%out];",
		rows: []row{r(5, 5)}},
	{code: "prefetch.global.L2 [%in]; prefetchu.L1 [%in]; mov.u32 %r9, 1;", rows: []row{r(1)}},
	{code: "atom.global.add.u32 %r4, [%in], %r1; ld.global.u32 %r9, [%in];", rows: []row{r(-1, 3, 2)}},
	{code: "atom.add.f32 %f9, [%in], %f1;", rows: []row{r(float32(1), float32(2), float32(1))}},
	{code: "red.global.add.f64 [%in], %d1; ld.global.f64 %d9, [%in];", rows: []row{r(1., 2., 3.)}},
	{code: "red.relaxed.gpu.global.min.s32 [%in], %r1; ld.global.u32 %r9, [%in];", rows: []row{r(-1, 2, -1)}},
	{code: "red.global.max.u32 [%in], %r1; ld.global.u32 %r9, [%in];", rows: []row{r(-1, 2, -1)}},
	{code: "red.global.inc.u32 [%in], %r1; ld.global.u32 %r9, [%in];", rows: []row{r(1, 2, 2), r(2, 2, 0)}},
	{code: "red.global.dec.u32 [%in], %r1; ld.global.u32 %r9, [%in];", rows: []row{r(1, 2, 0), r(0, 2, 2), r(7, 2, 2)}},
	{code: "atom.global.cas.b32 %r4, [%in], %r1, %r2; ld.global.u32 %r9, [%in];",
		rows: []row{r(1, 1, 7, 7), r(2, 1, 7, 2)}},
	{code: "atom.global.cas.b16 %h4, [%in], %h1, %h2; ld.global.u16 %h9, [%in];", rows: []row{r(1, 1, 7, 7)}},
	{code: "atom.global.exch.b64 %q9, [%in], %q1;", rows: []row{r(1<<40, 1, 1<<40)}},
	{code: "red.global.xor.b32 [%in], %r1; ld.global.u32 %r9, [%in];", rows: []row{r(5, 1, 4)}},
	{code: "red.global.and.b64 [%in], %q1; ld.global.u64 %q9, [%in];", rows: []row{r(-1, 12, 12)}},
	{code: "atom.global.add.noftz.bf16x2 %r4, [%in], %r1; ld.global.u32 %r9, [%in];",
		rows: []row{r(0x3f803f80, 0x40003f80, 0x40404000)}},
	{code: "atom.shared.add.u32 %r4, [dynamic], 1; ld.shared.u32 %r9, [dynamic];", rows: []row{r(0)}},
	{code: "atom.global.add.u32 %r9, [%in+2], 1;", rows: []row{r(refused("misaligned access"))}},
	{code: "mov.u32 %r4, dynamic; cp.async.ca.shared.global [%r4], [%in], 8; cp.async.commit_group; cp.async.wait_group " +
		"0; ld.shared.u32 %r9, [dynamic+4];", rows: []row{r(7<<32, 7)}},
	{code: "mov.u32 %r4, dynamic; cp.async.cg.shared.global.L2::128B [%r4], [%in], 16, %r0; cp.async.wait_all; " +
		"ld.shared.u32 %r9, [dynamic+8];", rows: []row{r(16, 7, 7), r(8, 7, 0), r(0, 7, 0)}},
	{code: "mov.u32 %r4, dynamic; cp.async.cg.shared.global [%r4], [%in+16], 16, 8; cp.async.cg.shared.global [%r4+16], " +
		"[%in+32], 16, 0; cp.async.wait_all; ld.shared.u64 %q9, [dynamic];", rows: []row{r(1, 2, 3, 4, 3)}},
	{code: "mov.u32 %r4, dynamic; mov.u64 %q9, 0; cp.async.cg.shared.global [%r4], [%in+32], 16;",
		rows: []row{r(refused("out of bounds"))}},
}

var controlGolden = []golden{
	{code: "mov.u32 %r9, 0;\nloop: add.s32 %r9, %r9, 2; setp.lt.s32 %p1, %r9, %r0; @%p1 bra loop;",
		rows: []row{r(7, 8), r(-7, 2)}},
	{code: "targets: .branchtargets one, two;\nmov.u32 %r9, 5; brx.idx %r0, targets;\none: add.s32 %r9, %r9, 1;\ntwo: " +
		"add.s32 %r9, %r9, 10;", rows: []row{r(0, 16), r(1, 15), r(2, refused("trap"))}},
	{code: "{ .param .b32 a; .param .b32 b; st.param.b32 [a], %r0; call.uni (b), twice_and_one, (a); ld.param.b32 %r9, " +
		"[b]; }", rows: []row{r(5, 11), r(50, -1)}},
	{code: "mov.u32 %r9, 1; { .reg .b32 %r9; mov.u32 %r9, 2; skip: } { bra skip; skip: }", rows: []row{r(1)}},
	{code: "setp.eq.s32 %p1, %r0, 0; mov.u32 %r9, 1; @%p1 trap;", rows: []row{r(1, 1), r(0, refused("trap"))}},
	{code: "{ .reg .b32 twice; .reg .b64 words; mov.u32 twice, 3; ld.global.u32 %r9, [pointless]; add.s32 %r9, %r9, " +
		"twice; }", rows: []row{r(7)}},
	{code: "mov.u32 %r9, %ctaid.x; mad.lo.u32 %r9, %r9, 10, %nctaid.y;", rows: []row{r(24)}},
	{code: "mov.u32 %r4, %ntid.x; mov.u32 %r5, WARP_SZ; add.u32 %r9, %r4, %r5; nanosleep.u32 100;", rows: []row{r(33)}},
	{code: "mov.u64 %q4, %clock64; mov.u64 %q5, %clock64; setp.ge.u64 %p9, %q5, %q4;", rows: []row{r(true)}},
}

var warpGolden = []golden{
	{code: "mov.u32 %r9, %laneid;", want: func(i int) uint64 { return uint64(i) }},
	{code: "mov.u32 %r9, %lanemask_le;", want: func(i int) uint64 { return 2<<i - 1 }},
	{code: "mov.u32 %r9, %lanemask_gt;", want: func(i int) uint64 { return ^uint64(2<<i - 1) }},
	{code: "shfl.sync.bfly.b32 %r9|%p1, %lane, 5, 31, -1;", want: func(i int) uint64 { return uint64(i ^ 5) }},
	{code: "shfl.sync.down.b32 %r9|%p1, %lane, 3, 31, -1;",
		want: func(i int) uint64 { return uint64(min(i+3, 31) - map[bool]int{true: 31 - i, false: 0}[i+3 > 31]) }},
	{code: "shfl.sync.down.b32 %r4|%p9, %lane, 3, 31, -1;", want: func(i int) uint64 { return bitsOf(i+3 <= 31) }},
	{code: "shfl.sync.up.b32 %r9|%p1, %lane, 2, 0x1800, -1;", want: func(i int) uint64 { // segments of 8
		if i%8 < 2 {
			return uint64(i)
		}
		return uint64(i - 2)
	}},
	{code: "shfl.sync.idx.b32 %r9, %lane, 9, 0x181f, -1;", want: func(i int) uint64 { return uint64(i/8*8 + 1) }},
	{code: "shfl.sync.idx.b32 %r4|%p9, %lane, 9, 0x03, -1;", want: func(i int) uint64 { return 0 }},
	{code: "and.b32 %r4, %lane, 1; setp.eq.s32 %p1, %r4, 0; vote.sync.ballot.b32 %r9, %p1, -1;",
		want: func(int) uint64 { return 0x55555555 }},
	{code: "setp.eq.s32 %p1, %lane, 3; vote.sync.any.pred %p9, %p1, -1;", want: func(int) uint64 { return 1 }},
	{code: "setp.eq.s32 %p1, %lane, 3; vote.sync.all.pred %p9, !%p1, -1;", want: func(int) uint64 { return 0 }},
	{code: "setp.lt.s32 %p1, %lane, 32; vote.sync.uni.pred %p9, !%p1, -1;", want: func(int) uint64 { return 1 }},
	{code: "setp.lt.s32 %p1, %lane, 31; vote.sync.uni.pred %p9, %p1, -1;", want: func(int) uint64 { return 0 }},
	{code: "and.b32 %r4, %lane, 3; match.any.sync.b32 %r9, %r4, -1;",
		want: func(i int) uint64 { return 0x11111111 << (i % 4) }},
	{code: "cvt.u64.u32 %q4, %lane; shl.b64 %q4, %q4, 60; match.any.sync.b64 %r9, %q4, -1;",
		want: func(i int) uint64 { return 0x00010001 << (i % 16) }},
	{code: "match.all.sync.b32 %r9|%p1, 7, -1;", want: func(int) uint64 { return 0xffffffff }},
	{code: "match.all.sync.b32 %r4|%p9, %lane, -1;", want: func(int) uint64 { return 0 }},
	{code: "redux.sync.add.u32 %r9, %lane, -1;", want: func(int) uint64 { return 496 }},
	{code: "sub.s32 %r4, %lane, 5; redux.sync.min.s32 %r9, %r4, -1;", want: func(int) uint64 { return bitsOf(-5) }},
	{code: "sub.s32 %r4, %lane, 5; redux.sync.max.u32 %r9, %r4, -1;", want: func(int) uint64 { return bitsOf(-1) }},
	{code: "redux.sync.xor.b32 %r9, %lane, -1;", want: func(int) uint64 { return 0 }},
	{code: "activemask.b32 %r9;", want: func(int) uint64 { return 0xffffffff }},
	{code: "setp.lt.s32 %p1, %lane, 5; bar.red.popc.u32 %r9, 0, %p1;", want: func(int) uint64 { return 5 }},
	{code: "setp.lt.s32 %p1, %lane, 5; barrier.red.or.pred %p9, 0, %p1;", want: func(int) uint64 { return 1 }},
	{code: "setp.lt.s32 %p1, %lane, 5; bar.red.and.pred %p9, 0, %p1;", want: func(int) uint64 { return 0 }},
	{code: ".shared .align 4 .b8 all[128]; shl.b32 %r4, %lane, 2; mov.u32 %r5, all; add.s32 %r5, %r5, %r4; " +
		"st.shared.u32 [%r5], %lane; bar.sync 0; xor.b32 %r4, %r4, 124; mov.u32 %r5, all; add.s32 %r5, %r5, %r4; " +
		"ld.shared.u32 %r9, [%r5]; barrier.sync.aligned 0; bar.warp.sync -1;",
		want: func(i int) uint64 { return uint64(i ^ 31) }},
	{code: "atom.global.add.u32 %r4, [%out], 1; bar.sync 0; ld.global.u32 %r9, [%out]; bar.sync 0;",
		want: func(int) uint64 { return 32 }},
	// Row i of matrix m is eight times the half 8*m+i; of the first matrix a lane gets row lane/4, transposed rows
	// 2*(lane%4) and the next.
	{code: matrixRows + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r9, %r6, %r7, %r8}, [%r5];",
		want: func(i int) uint64 { return uint64(i/4) * 0x10001 }},
	{code: matrixRows + "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r6, %r9}, [%r5];",
		want: func(i int) uint64 { return uint64(8+2*(i%4)) | uint64(9+2*(i%4))<<16 }},
	{code: "setp.lt.s32 %p1, %lane, 8; selp.b32 %r5, 0, 99999, %p1; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, " +
		"[%r5]; mov.u32 %r9, 1; st.shared.u32 [dynamic], %r9;", want: func(int) uint64 { return 1 }},
	// A is all ones, B's columns are 0 to 7: sums of 16 equal numbers, and C.
	{code: `shr.u32 %r4, %lane, 2; cvt.rn.f32.u32 %f4, %r4; cvt.rn.bf16x2.f32 %r5, %f4, %f4; mov.b32 %r6, 0x3f803f80;
mov.f32 %f5, 0f3F000000;
mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f6, %f9, %f7, %f8},
{%r6, %r6, %r6, %r6}, {%r5, %r5}, {%f5, %f5, %f5, %f5};`,
		want: func(i int) uint64 { return bitsOf(float32(16*(2*(i%4)+1)) + .5) }},
	{code: `shr.u32 %r4, %lane, 2; cvt.rn.f32.u32 %f4, %r4; mov.b32 %r5, %f4; mov.b32 %r6, 0x3f801fff;
mov.f32 %f5, 0f3F000000;
mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f6, %f9, %f7, %f8},
{%r6, %r6, %r6, %r6}, {%r5, %r5}, {%f5, %f5, %f5, %f5};`,
		want: func(i int) uint64 { return bitsOf(float32(8*(2*(i%4)+1)) + .5) }},
}

const matrixRows = ".shared .align 16 .b8 rows[512]; mad.lo.u32 %r4, %lane, 0x10001, 0; mov.u32 %r5, rows; " +
	"mad.lo.u32 %r5, %lane, 16, %r5; st.shared.v4.u32 [%r5], {%r4, %r4, %r4, %r4}; bar.sync 0; "
