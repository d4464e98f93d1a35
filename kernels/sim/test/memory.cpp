// memory.cpp: allocations, copies and memsets.
#include "harness.h"

#include <stdio.h>
#include <string.h>

static Gpu *gpu() {
    static Gpu *g = new Gpu;
    return g;
}

CASE(memory_is_limited, both, ENVIRONMENT("DUET_SIM_MEMORY=1MiB"), SAYS()) {
    Gpu &g = *gpu();
    size_t available, total;
    CUdeviceptr a, b, c;
    OK(cuMemAlloc(&a, 600 << 10));
    GIVES(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(&b, 500 << 10));
    OK(cuMemGetInfo(&available, &total));
    CHECK(available == 424 << 10 && total == 1 << 20);
    OK(cuMemAlloc(&c, 424 << 10));
    OK(cuMemFree(c));
    OK(cuMemFree(a));
    OK(cuDeviceTotalMem(&total, 0));
    CHECK(total == 1 << 20);
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemAlloc(&a, 0));
    OK(cuMemFree(0));
    g.close();
    CHECK(report().find("\"memory_peak\": 1048576") != std::string::npos);
}

CASE(large_memory_costs_none, fast, ENVIRONMENT("DUET_SIM_MEMORY=64GiB"), SAYS()) {
    Gpu &g = *gpu();
    CUdeviceptr p;
    const size_t n = (size_t)40 << 30;
    OK(cuMemAlloc(&p, n));
    OK(cuMemsetD8Async(p, 0, n, g.stream));
    OK(cuMemsetD8Async(p + 12345, 0, n - 23456, g.stream));
    unsigned char last = 1;
    OK(cuCtxSynchronize());
    OK(cuMemcpyDtoH(&last, p + n - 1, 1));
    CHECK(last == 0);
    OK(cuMemFree(p));
    g.close();
}

CASE(double_free, both, ENVIRONMENT(), SAYS("double free: cuMemFree of 0x", "byte 0 of freed allocation")) {
    Gpu &g = *gpu();
    CUdeviceptr p;
    OK(cuMemAlloc(&p, 100));
    OK(cuMemFree(p));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemFree(p));
    g.close();
}

CASE(bad_free, both, ENVIRONMENT(), SAYS("bad free: cuMemFree", "byte 8 of allocation", "bad free: cuMemFreeHost")) {
    Gpu &g = *gpu();
    const CUdeviceptr p = g.empty(100);
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemFree(p + 8));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost((void *)p));
    g.close();
}

CASE(leaks, both, ENVIRONMENT(),
     SAYS("leak: device 0, context 1 ended with 1 allocations of 100 bytes", "1 pinned allocations of 200 bytes",
          "1 streams", "1 events", "3 modules")) {
    Gpu &g = *gpu();
    CUdeviceptr p;
    void *h;
    CUevent e;
    CUmodule m;
    OK(cuMemAlloc(&p, 100));
    OK(cuMemHostAlloc(&h, 200, 0));
    OK(cuEventCreate(&e, 0));
    OK(cuModuleLoadData(&m, ptx("good").c_str()));
    OK(cuCtxDestroy(g.context));
    CHECK(report().find("ended with 1 allocations of 100 bytes") != std::string::npos);
}

// Copies of memory that is not pinned give the right bytes all the same.
CASE(copies, both, ENVIRONMENT("DUET_SIM_SEED=2", "DUET_SIM_DELAY=200"),
     SAYS("pageable memory: cuMemcpyDtoHAsync on device 0, context 1 with memory of the host",
          "pageable memory: cuMemcpyHtoDAsync")) {
    Gpu &g = *gpu();
    const CUdeviceptr a = g.empty(256), b = g.empty(256);
    unsigned char *pinned, host[1024], back[1024];
    OK(cuMemAllocHost((void **)&pinned, 1024));
    for (int i = 0; i < 1024; i++) host[i] = pinned[i] = (unsigned char)(i * 7);
    OK(cuMemcpyHtoDAsync(a, pinned, 1024, g.stream));
    OK(cuMemcpyDtoDAsync(b, a, 1024, g.stream));
    OK(cuMemcpyDtoHAsync(back, b, 1024, g.stream)); // not pinned: it is there when the call returns
    CHECK(!memcmp(back, host, 1024));
    OK(cuMemsetD8Async(a, 3, 1024, g.stream));
    OK(cuMemcpyHtoDAsync(a + 5, host + 1, 100, g.stream)); // not pinned: it is read before the call returns
    host[1] ^= 0xff;
    OK(cuMemcpyDtoHAsync(pinned, a, 1024, g.stream));
    OK(cuStreamSynchronize(g.stream));
    CHECK(pinned[4] == 3 && pinned[5] == 7 && pinned[104] == (unsigned char)700 && pinned[105] == 3);
    OK(cuMemcpyAsync((CUdeviceptr)pinned, b, 10, g.stream));
    OK(cuStreamSynchronize(g.stream));
    CHECK(pinned[9] == 63);
    OK(cuMemcpy(a, b, 1024));
    OK(cuMemcpyDtoD(b + 512, a, 512));
    OK(cuMemcpyDtoH(back, b, 1024));
    CHECK(back[512] == 0 && back[513] == 7);
    OK(cuMemcpyHtoD(a, host, 0));
    OK(cuMemFreeHost(pinned));
    g.close();
    const std::string r = report();
    CHECK(r.find("\"host_to_device\": 1124,") != std::string::npos);
    CHECK(r.find("\"device_to_host\": 3082,") != std::string::npos);
    CHECK(r.find("\"device_to_device\": 2560,") != std::string::npos);
}

CASE(memsets, both, ENVIRONMENT(), SAYS()) {
    Gpu &g = *gpu();
    const CUdeviceptr p = g.empty(64);
    unsigned x[64];
    OK(cuMemsetD32(p, 0x01020304, 64));
    OK(cuMemsetD16Async(p + 8, 0xabcd, 3, g.stream));
    OK(cuMemsetD8Async(p + 1, 0xee, 1, g.stream));
    OK(cuStreamSynchronize(g.stream));
    OK(cuMemcpyDtoH(x, p, sizeof x));
    CHECK(x[0] == 0x0102ee04 && x[1] == 0x01020304 && x[2] == 0xabcdabcd && x[3] == 0x0102abcd && x[63] == 0x01020304);
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemsetD32(p + 2, 0, 1));
    g.close();
}

CASE(planes, both, ENVIRONMENT(), SAYS()) {
    Gpu &g = *gpu();
    const CUdeviceptr a = g.floats(64, 0.f), b = g.floats(64, 0.f);
    OK(cuMemsetD8(a, 1, 256));
    CUDA_MEMCPY2D c = {};
    c.srcMemoryType = c.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    c.srcDevice = a, c.srcPitch = 16;
    c.dstDevice = b, c.dstPitch = 32, c.dstXInBytes = 4, c.dstY = 1;
    c.WidthInBytes = 8, c.Height = 3;
    OK(cuMemcpy2DAsync(&c, g.stream));
    unsigned char x[256];
    OK(cuStreamSynchronize(g.stream));
    OK(cuMemcpyDtoH(x, b, 256));
    for (int i = 0; i < 256; i++) CHECK(x[i] == (i / 32 >= 1 && i / 32 < 4 && i % 32 >= 4 && i % 32 < 12));
    c.srcPitch = 4;
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemcpy2DAsync(&c, g.stream));
    g.close();
}

CASE(copy_out_of_range, both, ENVIRONMENT(),
     SAYS("out of bounds: cuMemcpyHtoD on device 0", "101 bytes from byte 0 of allocation",
          "out of bounds: cuMemsetD32Async", "wild pointer: cuMemcpyDtoH")) {
    Gpu &g = *gpu();
    char x[200] = {};
    CUdeviceptr p;
    OK(cuMemAlloc(&p, 100));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(p, x, 101));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(p + 4, 0, 25, g.stream));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH(x, 64, 4));
    OK(cuMemcpyDtoH(x, p, 100)); // no error of these is sticky
    OK(cuMemFree(p));
    g.close();
}

CASE(copy_use_after_free, both, ENVIRONMENT(), SAYS("use after free: cuMemcpyHtoD on device 0")) {
    Gpu &g = *gpu();
    char x[100] = {};
    CUdeviceptr p;
    OK(cuMemAlloc(&p, 100));
    OK(cuMemFree(p));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD(p, x, 100));
    g.close();
}

CASE(copy_of_foreign_memory, both, ENVIRONMENT(),
     SAYS("foreign memory: cuMemcpyDtoDAsync: memory of device 1 used on device 0")) {
    Gpu b(1);
    const CUdeviceptr y = b.floats(16, 1.f);
    Gpu a(0);
    const CUdeviceptr x = a.floats(16, 0.f);
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoDAsync(x, y, 64, a.stream));
    a.close();
    b.close();
}

CASE(peer_copies, both, ENVIRONMENT("DUET_SIM_PEER=0"),
     SAYS("wrong context: cuMemcpyPeer: allocation", "is not of the context that the call names")) {
    Gpu a(0), b(1), c(0); // a and c are as strange to each other as two devices
    const CUdeviceptr z = c.floats(16, 0.f);
    b.use();
    const CUdeviceptr y = b.floats(16, 0.f);
    a.use();
    const CUdeviceptr x = a.floats(16, 7.f);
    OK(cuMemcpyPeerAsync(y, b.context, x, a.context, 64, a.stream)); // without peer access it goes by way of the host
    OK(cuMemcpyPeerAsync(z, c.context, x, a.context, 32, a.stream));
    OK(cuStreamSynchronize(a.stream));
    GIVES(CUDA_ERROR_INVALID_VALUE, cuMemcpyPeerAsync(y, b.context, x, c.context, 64, a.stream));
    a.close();
    b.use();
    for (float v : b.read(y, 16)) CHECK(v == 7.f);
    b.close();
    c.use();
    CHECK(c.read(z, 8)[7] == 7.f);
    c.close();
    const std::string r = report();
    CHECK(r.find("{\"from\": 0, \"to\": 0, \"copies\": 1, \"bytes\": 32}, {\"from\": 0, \"to\": 1, \"copies\": 1, "
                 "\"bytes\": 64}") != std::string::npos);
}

CASE(pointers, both, ENVIRONMENT(), SAYS()) {
    Gpu &g = *gpu();
    const CUdeviceptr p = g.empty(16);
    unsigned type;
    int device = -1;
    CUcontext owner;
    CUdeviceptr begin;
    size_t bytes;
    void *host;
    OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, p + 4));
    OK(cuPointerGetAttribute(&device, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, p));
    OK(cuPointerGetAttribute(&owner, CU_POINTER_ATTRIBUTE_CONTEXT, p));
    CHECK(type == CU_MEMORYTYPE_DEVICE && device == 0 && owner == g.context);
    OK(cuMemGetAddressRange(&begin, &bytes, p + 60));
    CHECK(begin == p && bytes == 64);
    GIVES(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, (CUdeviceptr)&type));
    OK(cuMemHostAlloc(&host, 64, CU_MEMHOSTALLOC_PORTABLE));
    OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, (CUdeviceptr)host));
    CHECK(type == CU_MEMORYTYPE_HOST);
    OK(cuMemFreeHost(host));
    CHECK(p % 256 == 0);
    g.close();
}

// What is known of a freed allocation's words costs no memory, however often one is made: 8 x 64 MiB have 4 GiB of it.
CASE(freed_memory_costs_none, both, ENVIRONMENT(), SAYS()) {
    Gpu &g = *gpu();
    const size_t n = (size_t)64 << 20;
    for (int i = 0; i < 8; i++) {
        CUdeviceptr p;
        OK(cuMemAlloc(&p, n));
        OK(cuMemsetD8Async(p, 1, n - 4, g.stream)); // not the whole, of which one stamp would be enough
        OK(cuStreamSynchronize(g.stream));
        OK(cuMemFree(p));
    }
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages = 0, resident = 0;
    CHECK(f && fscanf(f, "%lu %lu", &pages, &resident) == 2);
    fclose(f);
    CHECK(resident * 4096 < (size_t)600 << 20);
    g.close();
}
