// faults.cpp: injected failures, settings, random orders, and the report.
#include "harness.h"

#include <stdlib.h>
#include <string.h>

CASE(failed_allocation, both, ENVIRONMENT("DUET_SIM_FAULT=alloc:2"), SAYS()) {
    Gpu g;
    CUdeviceptr p;
    g.empty(4);
    GIVES(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(&p, 4));
    g.empty(4);
    g.close();
    CHECK(report().find("\"faults\": [\"allocation 2 failed on device 0\"]") != std::string::npos);
}

CASE(failed_launch, both, ENVIRONMENT("DUET_SIM_FAULT=launch:3@1"), SAYS()) {
    Gpu a(0), b(1);
    const CUdeviceptr x = b.floats(64, 1.f), y = b.floats(64, 2.f);
    a.use();
    const CUdeviceptr z = a.floats(64, 1.f), u = a.floats(64, 2.f);
    for (int i = 0; i < 4; i++) OK(a.launch("copy_element", 1, 64, {bits(u), bits(z)}));
    OK(cuStreamSynchronize(a.stream));
    a.close();
    b.use();
    const CUfunction f = b.kernel("copy_element");
    for (int i = 0; i < 2; i++) OK(b.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    OK(cuStreamSynchronize(b.stream));
    OK(b.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    GIVES(CUDA_ERROR_LAUNCH_FAILED, cuStreamSynchronize(b.stream));
    uint64_t values[] = {y, x};
    void *pointers[] = {values, values + 1};
    GIVES(CUDA_ERROR_LAUNCH_FAILED, cuLaunchKernel(f, 1, 1, 1, 64, 1, 1, 0, b.stream, pointers, nullptr));
    OK(cuCtxDestroy(b.context));
}

CASE(failed_copy, both, ENVIRONMENT("DUET_SIM_FAULT=copy:2,alloc:7"), SAYS()) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f), y = g.floats(64, 2.f);
    OK(cuMemcpyDtoDAsync(y, x, 256, g.stream));
    OK(cuStreamSynchronize(g.stream));
    OK(cuMemcpyDtoDAsync(y, x, 256, g.stream));
    GIVES(CUDA_ERROR_UNKNOWN, cuStreamSynchronize(g.stream));
    OK(cuCtxDestroy(g.context));
}

CASE(lost_device, both, ENVIRONMENT("DUET_SIM_FAULT=lost:5@1"), SAYS()) {
    Gpu a(0), b(1); // allocation, memset: two operations; a copy each
    const CUdeviceptr x = b.floats(64, 1.f), y = b.floats(64, 2.f);
    CUdeviceptr p;
    CUevent e;
    CUcontext c;
    float host[64];
    GIVES(CUDA_ERROR_ECC_UNCORRECTABLE, cuMemcpyDtoDAsync(y, x, 256, b.stream));
    GIVES(CUDA_ERROR_ECC_UNCORRECTABLE, cuStreamSynchronize(b.stream)); // every call, from now on
    GIVES(CUDA_ERROR_ECC_UNCORRECTABLE, cuMemAlloc(&p, 4));
    GIVES(CUDA_ERROR_ECC_UNCORRECTABLE, cuMemFree(x));
    GIVES(CUDA_ERROR_ECC_UNCORRECTABLE, cuMemcpyDtoH(host, x, 256));
    GIVES(CUDA_ERROR_ECC_UNCORRECTABLE, cuEventCreate(&e, 0));
    GIVES(CUDA_ERROR_ECC_UNCORRECTABLE, cuCtxSynchronize());
    OK(cuCtxDestroy(b.context));
    GIVES(CUDA_ERROR_ECC_UNCORRECTABLE, cuCtxCreate(&c, 0, 1));
    a.use(); // the other device goes on
    const CUdeviceptr u = a.floats(64, 1.f), v = a.floats(64, 2.f);
    OK(a.launch("copy_element", 1, 64, {bits(v), bits(u)}));
    CHECK(a.read(v, 64)[63] == 1.f);
    a.close();
    CHECK(report().find("\"faults\": [\"device 1 was lost at its operation 5\"]") != std::string::npos);
}

// What waits for an event of a lost device does not wait for ever.
CASE(event_of_a_lost_device, both, ENVIRONMENT("DUET_SIM_FAULT=launch:1@0", "DUET_SIM_DELAY=500"), SAYS()) {
    Gpu a(0);
    const CUdeviceptr x = a.floats(64, 1.f), y = a.floats(64, 2.f);
    CUevent e;
    OK(cuEventCreate(&e, 0));
    OK(a.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    OK(cuEventRecord(e, a.stream));
    Gpu b(1);
    OK(cuStreamWaitEvent(b.stream, e, 0));
    OK(cuStreamSynchronize(b.stream));
    b.close();
    a.use();
    GIVES(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    OK(cuCtxDestroy(a.context));
}

#define BAD_SETTING(name, value, words)                                                                                \
    CASE(bad_##name, both, ENVIRONMENT(value), SAYS("duet sim: " words)) { GIVES(CUDA_ERROR_INVALID_VALUE, cuInit(0)); }
BAD_SETTING(devices, "DUET_SIM_DEVICES=two", "DUET_SIM_DEVICES=two: want a number of devices")
BAD_SETTING(many_devices, "DUET_SIM_DEVICES=17", "DUET_SIM_DEVICES=17: want")
BAD_SETTING(memory, "DUET_SIM_MEMORY=3GB", "DUET_SIM_MEMORY=3GB: want a size such as 3GiB")
BAD_SETTING(capability, "DUET_SIM_CAPABILITY=80", "DUET_SIM_CAPABILITY=80: want a compute capability")
BAD_SETTING(peer, "DUET_SIM_PEER=yes", "DUET_SIM_PEER=yes: want 0 or 1")
BAD_SETTING(delay, "DUET_SIM_DELAY=-1", "DUET_SIM_DELAY=-1: want microseconds")
BAD_SETTING(seed, "DUET_SIM_SEED=1e3", "DUET_SIM_SEED=1e3: want a number")
BAD_SETTING(fault, "DUET_SIM_FAULT=alloc:0", "DUET_SIM_FAULT=alloc:0: want a list of")
BAD_SETTING(fault_kind, "DUET_SIM_FAULT=launch:3,crash:1", "DUET_SIM_FAULT=launch:3,crash:1: want")
BAD_SETTING(fault_device, "DUET_SIM_FAULT=launch:3@2", "DUET_SIM_FAULT: device 2 of 2")

CASE(report_as_text, both, ENVIRONMENT("DUET_SIM_REPORT=-"),
     SAYS("duet sim: device 0: peak 0.0 MiB, 1 launches", "1 copy_element")) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f), y = g.floats(64, 2.f);
    OK(g.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    g.close();
}

CASE(log, both, ENVIRONMENT("DUET_SIM_LOG=-"), SAYS("copy_element on stream 1 of device 0, context 1: ", " ms\n")) {
    Gpu g;
    const CUdeviceptr x = g.floats(64, 1.f), y = g.floats(64, 2.f);
    OK(g.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    g.close();
}

// All that cmd/duet's tests read of the report, and what stderr says besides.
CASE(report_as_json, both, ENVIRONMENT(), SAYS("launch limits: launch of saxpy")) {
    Gpu b(1);
    const CUdeviceptr z = b.floats(64, 0.f);
    Gpu a(0);
    const CUdeviceptr x = a.floats(64, 1.f), y = a.empty(192);
    void *pinned;
    OK(cuMemHostAlloc(&pinned, 1000, CU_MEMHOSTALLOC_PORTABLE));
    OK(cuMemcpyHtoDAsync(y, pinned, 768, a.stream));
    for (int i = 0; i < 3; i++) OK(a.launch("saxpy", 1, 64, {bits(y), bits(x), bits(1.f), bits(64)}));
    OK(a.launch("copy_element", 1, 64, {bits(y), bits(x)}));
    OK(cuMemcpyDtoDAsync(y + 256, y, 256, a.stream));
    OK(cuMemcpyDtoHAsync(pinned, y, 100, a.stream));
    OK(cuMemcpyPeerAsync(z, b.context, y, a.context, 128, a.stream));
    OK(cuMemcpyPeerAsync(z, b.context, y, a.context, 64, a.stream));
    OK(cuStreamSynchronize(a.stream));
    GIVES(CUDA_ERROR_INVALID_VALUE, a.launch("saxpy", 0, 64, {bits(y), bits(x), bits(1.f), bits(64)}));
    OK(cuMemFreeHost(pinned));
    a.close();
    b.close();
    const std::string r = report();
    for (const char *text :
         {"{\"device\": 0, \"memory\": 0, \"memory_peak\": 1024, \"allocations\": 2, \"pinned\": 0, \"pinned_peak\": "
          "1000, \"host_to_device\": 768, \"device_to_host\": 100, "
          "\"device_to_device\": 256, \"set\": 256,\n     \"launches\": {\"copy_element\": 1, \"saxpy\": 3}",
          "{\"device\": 1, \"memory\": 0, \"memory_peak\": 256, \"allocations\": 1, ",
          "\"peers\": [{\"from\": 0, \"to\": 1, \"copies\": 2, \"bytes\": 192}]",
          "\"graphs\": {\"captured\": 0, \"launched\": 0}",
          "{\"check\": \"launch limits\", \"count\": 1, \"texts\": [\"launch of saxpy, grid (0,1,1)", "\"leaks\": []",
          "\"faults\": []"})
        if (r.find(text) == std::string::npos) fail(__FILE__, __LINE__, std::string("no ") + text + "\nin " + r);
}

// order_of_blocks is the order in which 40 blocks of a launch ran.
static std::vector<unsigned> order_of_blocks(Gpu &g) {
    const CUdeviceptr order = g.floats(40, 0.f), count = g.floats(1, 0.f);
    OK(g.launch("order_of_blocks", 40, 1, {bits(order), bits(count)}));
    std::vector<unsigned> list;
    for (float v : g.read(order, 40)) list.push_back((unsigned)bits(v));
    return list;
}
static void orders(bool natural) {
    Gpu g;
    const auto first = order_of_blocks(g), second = order_of_blocks(g);
    unsigned in_place = 0;
    uint64_t seen = 0;
    for (unsigned i = 0; i < 40; i++) seen |= (uint64_t)1 << first[i], in_place += first[i] == i && second[i] == i;
    CHECK(seen == ((uint64_t)1 << 40) - 1); // each once
    CHECK(natural ? in_place == 40 : in_place < 20 && first != second);
    g.close();
}
CASE(blocks_in_order, all, ENVIRONMENT(), SAYS()) { orders(true); }
CASE(blocks_shuffled, all, ENVIRONMENT("DUET_SIM_SEED=12345"), SAYS()) { orders(false); }
