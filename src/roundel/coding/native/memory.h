/* Tiles take arrays of some megabytes, and give them back a moment later. By default the GNU C library hands such memory
   to the kernel and has it cleared and mapped anew for the next tile: a tenth of the time of encoding, and two threads
   wait for each other meanwhile. Up to 32 MB are kept instead, unless the environment says what malloc should do. */
#ifndef ROUNDEL_MEMORY_H
#define ROUNDEL_MEMORY_H

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

static inline void rndl_keep_memory(void) {
#ifdef __GLIBC__
    enum { MEGABYTE = 1 << 20 };
    if (getenv("MALLOC_TRIM_THRESHOLD_") || getenv("MALLOC_MMAP_THRESHOLD_") || getenv("GLIBC_TUNABLES")) return;
    mallopt(M_MMAP_THRESHOLD, 16 * MEGABYTE);
    mallopt(M_TRIM_THRESHOLD, 32 * MEGABYTE);
#endif
}

#endif
