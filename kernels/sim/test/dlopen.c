// dlopen.c: the driver works when it is loaded late as well, as libraries are that a program opens by itself; its
// kernels' shared memory is thread-local memory of a library that was not there when the program began.
#include <cuda.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *library;
static char text[1 << 20];

static void *find(const char *name) {
    void *f = dlsym(library, name);
    if (!f) {
        fprintf(stderr, "no %s\n", name);
        exit(1);
    }
    return f;
}

#define CALL(name, types, ...)                                                                                         \
    do {                                                                                                               \
        const CUresult r = ((CUresult(*) types)find(name))(__VA_ARGS__);                                               \
        if (r != CUDA_SUCCESS) {                                                                                       \
            fprintf(stderr, "%s: error %d\n", name, r);                                                                \
            return 1;                                                                                                  \
        }                                                                                                              \
    } while (0)

int main(int n, char **arguments) {
    FILE *f = n == 3 ? fopen(arguments[2], "r") : NULL;
    if (!f || !fread(text, 1, sizeof text - 1, f)) return 2;
    fclose(f);
    library = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    CUcontext context;
    CUmodule module;
    CUfunction function;
    CUdeviceptr x, sums;
    CALL("cuInit", (unsigned), 0);
    CALL("cuCtxCreate_v2", (CUcontext *, unsigned, CUdevice), &context, 0, 0);
    CALL("cuModuleLoadData", (CUmodule *, const void *), &module, text);
    CALL("cuModuleGetFunction", (CUfunction *, CUmodule, const char *), &function, module, "block_sum");
    CALL("cuMemAlloc_v2", (CUdeviceptr *, size_t), &x, 4000);
    CALL("cuMemAlloc_v2", (CUdeviceptr *, size_t), &sums, 16);
    CALL("cuMemsetD32_v2", (CUdeviceptr, unsigned, size_t), x, 0x3f800000, 1000);
    int count = 1000;
    void *values[] = {&sums, &x, &count};
    CALL("cuLaunchKernel", (CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void **, void **), function, 4, 1, 1, 256,
         1, 1, 0, NULL, values, NULL);
    float got[4];
    CALL("cuMemcpyDtoH_v2", (void *, CUdeviceptr, size_t), got, sums, sizeof got);
    CALL("cuMemFree_v2", (CUdeviceptr), x);
    CALL("cuMemFree_v2", (CUdeviceptr), sums);
    CALL("cuModuleUnload", (CUmodule), module);
    CALL("cuCtxDestroy_v2", (CUcontext), context);
    return !(got[0] == 256.f && got[3] == 232.f);
}
