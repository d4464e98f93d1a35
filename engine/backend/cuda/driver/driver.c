// driver.c: a libcuda.a that finds the machine's driver, libcuda.so.1, when the program starts, and not when it is
// linked: so one binary with CUDA in it runs on machines without a driver too, and is built on machines without one.
//
// Every function of the driver is a jump through a table. cuInit, which gorgonia.org/cu calls before main, loads the
// library and fills the table. Where there is no driver or no GPU, cuInit answers success all the same, because that
// package ends the process otherwise, and every other function answers the error that it met.
#define _GNU_SOURCE
#include "driver.h"
#include "symbols.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SUCCESS = 0, NOT_INITIALIZED = 3, NO_DEVICE = 100, NOT_FOUND = 500 }; // of CUresult

static int status = NOT_INITIALIZED; // what a call answers while the driver cannot be used
static char problem[512] = "the CUDA driver was not initialised";
static const char *path;

static int unavailable(void) { return status; }
static int missing(void) { return NOT_FOUND; }

// The table, and beside each name's number its jump.
enum {
#define NUMBER(name) number_##name,
    DRIVER_SYMBOLS(NUMBER) count
};

__attribute__((visibility("hidden"))) void *duet_driver_table[count] = {[0 ... count - 1] = (void *)unavailable};

static const char *const names[count] = {
#define NAME(name) #name,
    DRIVER_SYMBOLS(NAME)};

#if defined(__x86_64__)
#define JUMP "endbr64\n\tjmp *duet_driver_table+8*%c0(%%rip)"
#elif defined(__aarch64__)
#define JUMP "adrp x16, duet_driver_table+8*%c0\n\tadd x16, x16, :lo12:duet_driver_table+8*%c0\n\tldr x16, [x16]\n\tbr x16"
#else
#error "no jump for this processor"
#endif

// Extended asm is allowed in functions only; this one is never called.
#define STUB(name)                                                                                                     \
    ".pushsection .text." #name ",\"ax\",@progbits\n\t.globl " #name "\n\t.hidden " #name "\n\t.type " #name               \
    ",@function\n" #name ":\n\t"
#define DEFINE(name) __asm__ volatile(STUB(name) JUMP "\n\t.size " #name ", .-" #name "\n\t.popsection" : : "i"(number_##name));

__attribute__((used)) static void stubs(void) { DRIVER_SYMBOLS(DEFINE) }

static int give_up(int why, const char *text) {
    status = why;
    snprintf(problem, sizeof problem, "%s", text);
    return SUCCESS;
}

__attribute__((visibility("hidden"))) int cuInit(unsigned flags) {
    const char *file = getenv("DUET_CUDA_DRIVER");
    if (!file || !*file) file = "libcuda.so.1";
    void *library = dlopen(file, RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        char text[sizeof problem];
        snprintf(text, sizeof text, "there is no CUDA driver: %s", dlerror());
        return give_up(NO_DEVICE, text);
    }
    int (*init)(unsigned) = (int (*)(unsigned))dlsym(library, "cuInit");
    if (!init) return give_up(NO_DEVICE, "libcuda.so.1 has no cuInit");
    Dl_info info;
    if (dladdr((void *)init, &info)) path = info.dli_fname;
    const int failed = init(flags);
    for (int i = 0; i < count; i++) {
        void *f = dlsym(library, names[i]);
        duet_driver_table[i] = f ? f : (void *)missing;
    }
    if (failed) {
        const char *text = "unknown error";
        int (*describe)(int, const char **) = (int (*)(int, const char **))dlsym(library, "cuGetErrorString");
        if (describe) describe(failed, &text);
        char line[sizeof problem];
        snprintf(line, sizeof line, "the CUDA driver %s: cuInit: error %d, %s", path ? path : file, failed, text ? text : "unknown error");
        for (int i = 0; i < count; i++) duet_driver_table[i] = (void *)unavailable;
        return give_up(failed, line);
    }
    status = SUCCESS;
    problem[0] = 0;
    return SUCCESS;
}

const char *duet_driver_problem(void) { return problem[0] ? problem : 0; }
const char *duet_driver_path(void) { return path; }
